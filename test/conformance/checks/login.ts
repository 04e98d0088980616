import { expect } from 'vitest';
import { KAFKA_USER } from '../../real-kafka/real-kafka.js';
import type { Login } from '../port/operations.js';
import { values } from '../suite/stage.js';
import { area } from './check.js';

const MECHANISMS: Login['mechanism'][] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const listener = 'sasl';

/** SASL: who may connect. */
export const LOGIN = area('login', (check) => {
  for (const mechanism of MECHANISMS) {
    const login: Login = { mechanism, ...KAFKA_USER };

    check(
      `by ${mechanism} opens the broker`,
      ['listTopics', `login:${mechanism}`],
      async (stage) => {
        const topic = await stage.topicBehindLogin();
        expect((await stage.call('listTopics', { listener, login })).topics).toContain(topic);
      },
    );

    check(
      `by ${mechanism} with a wrong password is refused`,
      ['listTopics', `login:${mechanism}`],
      async (stage) => {
        const wrong = { ...login, password: 'guessed' };
        const code = await stage.refused(stage.call('listTopics', { listener, login: wrong }));
        expect(code).toBe('SASL_AUTHENTICATION_FAILED');
        return code;
      },
    );

    check(
      `by ${mechanism} of an unknown user is refused`,
      ['listTopics', `login:${mechanism}`],
      async (stage) => {
        const wrong = { ...login, username: 'mallory' };
        const code = await stage.refused(stage.call('listTopics', { listener, login: wrong }));
        expect(code).toBe('SASL_AUTHENTICATION_FAILED');
        return code;
      },
    );

    check(
      `by ${mechanism} carries records`,
      ['send', 'receive', `login:${mechanism}`],
      async (stage) => {
        const topic = await stage.topicBehindLogin();
        await stage.send(topic, [{ key: 'k', value: 'secret', partition: 0 }], { listener, login });
        const consumer = await stage.consumer({
          group: stage.name('g'),
          topics: [topic],
          listener,
          login,
        });
        expect(values(await stage.receive(consumer, 1))).toEqual(['secret']);
      },
    );
  }

  check('that is missing is noticed', ['listTopics'], async (stage) => {
    const code = await stage.refused(stage.call('listTopics', { listener }));
    // The broker hangs up: what that is called is up to the client.
    const own = {
      kafkajs: 'CLIENT:KafkaJSConnectionClosedError',
      platformatic: 'CLIENT:PLT_KFK_MULTIPLE',
      java: 'REQUEST_TIMED_OUT',
      librdkafka: 'CLIENT:_TRANSPORT',
      kcat: 'CLIENT:DISCONNECTED',
    };
    expect(code).toBe(stage.expected('REFUSED', own));
    return code;
  });
});
