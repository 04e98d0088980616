import {
  Producer as PlatformaticProducer,
  Consumer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { Kafka, logLevel, type SASLOptions } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { apiVersionsApi, metadataApi } from '../protocol/apis/cluster.api.js';
import { saslAuthenticateApi, saslHandshakeApi } from '../protocol/apis/sasl.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { ProtocolClient } from '../testing/protocol-client.js';
import { connect, createTopic } from '../testing/raw-broker.js';
import { USERS } from '../testing/spec-users.js';
import { startBroker, Reader } from '../testing/use-broker.js';
import { SASL_MECHANISMS } from './credentials.js';

const users = Object.entries(USERS);
const cases = SASL_MECHANISMS.flatMap((mechanism) =>
  users.map(([username, password]) => ({ mechanism, username, password })),
);
const metadata = { topics: [], allowAutoTopicCreation: false };
const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`);

const kafkajs = (brokers: readonly string[], sasl?: SASLOptions) =>
  new Kafka({
    brokers: [...brokers],
    ...(sasl && { sasl }),
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  });

describe('clients that authenticate', () => {
  it.each(cases)('kafkajs by $mechanism as $username', async ({ mechanism, ...login }) => {
    const lines: string[] = [];
    const { brokers } = await startBroker({
      sasl: { users: USERS },
      log: (line) => lines.push(line),
      nodes: 2,
    });
    const sasl = { mechanism: mechanism.toLowerCase(), ...login } as SASLOptions;
    const client = kafkajs(brokers, sasl);
    const admin = client.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const producer = client.producer();
    await producer.connect();
    const messages = ['a', 'b', 'c'].map((value) => ({ key: value, value }));
    await producer.send({ topic: 't', messages });
    const consumer = client.consumer({ groupId: 'g', maxWaitTimeInMs: 50 });
    await consumer.connect();
    const reader = new Reader();
    await reader.run(consumer, ['t']);
    await reader.until(({ length }) => length === 3);
    await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
    expect(reader.got.map(({ value }) => value).sort()).toEqual(['a', 'b', 'c']);
    expect(lines).toHaveLength(1);
  });

  it.each(cases)(
    '@platformatic/kafka by $mechanism as $username',
    async ({ mechanism, ...login }) => {
      const { brokers } = await startBroker({ sasl: { users: USERS }, autoCreateTopics: true });
      const options = {
        clientId: 'spec',
        bootstrapBrokers: [...brokers],
        sasl: { mechanism, ...login },
        retries: 0,
      };
      const producer = new PlatformaticProducer({
        ...options,
        serializers: stringSerializers,
        autocreateTopics: true,
      });
      onTestFinished(() => producer.close());
      await producer.send({ messages: [{ topic: 't', key: 'k', value: 'v' }] });
      const consumer = new Consumer({
        ...options,
        groupId: 'g',
        deserializers: stringDeserializers,
      });
      onTestFinished(() => consumer.close(true));
      const stream = await consumer.consume({ topics: ['t'], mode: 'earliest', maxWaitTime: 50 });
      for await (const { value } of stream) {
        expect(value).toBe('v');
        break;
      }
    },
  );
});

describe('clients that do not', () => {
  it.each(SASL_MECHANISMS)('kafkajs with a wrong password by %s', async (mechanism) => {
    const lines: string[] = [];
    const { brokers } = await startBroker({
      sasl: { users: USERS },
      log: (line) => lines.push(line),
    });
    for (const username of ['alice', 'nobody']) {
      const sasl = { mechanism: mechanism.toLowerCase(), username, password: 'wrong-secret' };
      const admin = kafkajs(brokers, sasl as SASLOptions).admin();
      await expect(admin.connect()).rejects.toThrow(/invalid credentials/);
      await admin.disconnect();
      expect(lines.at(-1)).toContain(`SASL ${mechanism} authentication of "${username}" failed`);
    }
    // One for each, and none with a password.
    expect(lines).toHaveLength(3);
    expect(lines.join()).not.toMatch(/secret/);
  });

  it('kafkajs without a user, and with a mechanism that is not enabled', async () => {
    const { brokers } = await startBroker({
      sasl: { mechanisms: ['SCRAM-SHA-512'], users: USERS },
    });
    const anonymous = kafkajs(brokers).admin();
    await expect(anonymous.connect().then(() => anonymous.listTopics())).rejects.toThrow(/closed/i);
    await anonymous.disconnect();
    const sasl = { mechanism: 'plain', username: 'alice', password: USERS.alice } as const;
    const admin = kafkajs(brokers, sasl).admin();
    await expect(admin.connect()).rejects.toThrow(/mechanism/i);
    await admin.disconnect();
  });
});

describe('the exchange, request by request', () => {
  const start = () => connect({ sasl: { users: USERS } });

  it('tells versions and mechanisms to anybody, and lets in who is known', async () => {
    const [client] = await start();
    expect((await client.call(apiVersionsApi, 3, {})).errorCode).toBe(0);
    const shaken = await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' });
    expect(shaken).toEqual({ errorCode: 0, mechanisms: SASL_MECHANISMS });
    for (const version of [0, 1, 2]) {
      const [other] = [await ProtocolClient.connect((await start())[1].port)];
      await other.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' });
      const answer = await other.call(saslAuthenticateApi, version, {
        token: plain('alice', USERS.alice),
      });
      expect(answer).toMatchObject({ errorCode: 0, errorMessage: null, sessionLifetimeMs: 0 });
      expect((await other.call(metadataApi, 12, metadata)).brokers).toHaveLength(1);
      const again = await other.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' });
      expect(again.errorCode).toBe(ErrorCode.ILLEGAL_SASL_STATE);
    }
  });

  it.each([
    ['Metadata', (client: ProtocolClient) => client.call(metadataApi, 12, metadata)],
    ['a handshake cut short', (client: ProtocolClient) => client.raw(17, 0)],
  ])('closes the connection on %s before that', async (_what, ask) => {
    const [client] = await start();
    await expect(ask(client)).rejects.toThrow('connection closed');
  });

  it('takes bare tokens after a handshake in version 0', async () => {
    const [client, broker] = await start();
    await client.call(saslHandshakeApi, 0, { mechanism: 'PLAIN' });
    expect(await client.frame(plain('alice', USERS.alice))).toEqual(Buffer.alloc(0));
    expect((await client.call(metadataApi, 12, metadata)).brokers).toHaveLength(1);
    const scram = await ProtocolClient.connect(broker.port);
    await scram.call(saslHandshakeApi, 0, { mechanism: 'SCRAM-SHA-256' });
    const greeting = await scram.frame(Buffer.from('n,,n=alice,r=abc'));
    expect(String(greeting)).toMatch(/^r=abc.+,s=.+,i=4096$/);
    scram.write(Buffer.from('0000000178', 'hex'));
    await scram.closed;
    const wrong = await ProtocolClient.connect(broker.port);
    await wrong.call(saslHandshakeApi, 0, { mechanism: 'PLAIN' });
    await expect(wrong.frame(plain('alice', 'x'))).rejects.toThrow('connection closed');
  });

  it('takes large requests only afterwards', async () => {
    const [stranger] = await start();
    stranger.write(Buffer.from('00092800', 'hex'));
    await stranger.closed;
    const [client] = await start();
    await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' });
    await client.call(saslAuthenticateApi, 2, { token: plain('alice', USERS.alice) });
    const name = 'x'.repeat(30_000);
    const topics = Array.from({ length: 20 }, () => ({ name }));
    const answer = await client.call(metadataApi, 8, { topics, allowAutoTopicCreation: false });
    expect(answer.topics).toHaveLength(20);
  });

  it('stays closed to who has only shaken hands', async () => {
    const [client] = await start();
    await client.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' });
    await client.call(saslAuthenticateApi, 2, { token: Buffer.from('n,,n=alice,r=abc') });
    await expect(client.call(metadataApi, 12, metadata)).rejects.toThrow('connection closed');
  });

  it.each([
    ['a wrong password', plain('alice', 'x')],
    ['an unknown user', plain('nobody', 'x')],
    ['no password', Buffer.from('\0alice')],
    ['the name of another to act for', Buffer.from(`b,o=b\0alice\0${USERS.alice}`)],
    ['nothing', Buffer.alloc(0)],
  ])('answers %s with an error, and closes', async (_what, token) => {
    const [client] = await start();
    await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' });
    const answer = await client.call(saslAuthenticateApi, 2, { token });
    expect(answer.errorCode).toBe(ErrorCode.SASL_AUTHENTICATION_FAILED);
    expect(answer.errorMessage).toMatch(/invalid credentials with SASL mechanism PLAIN/);
    await client.closed;
  });

  it('advertises the handshake of version 0, without which librdkafka 2.0 does not log in', async () => {
    const [client] = await start();
    const { apis } = await client.call(apiVersionsApi, 0, {});
    expect(apis.find(({ key }) => key === saslHandshakeApi.key)).toMatchObject({
      minVersion: 0,
      maxVersion: 1,
    });
  });

  it('answers an unknown mechanism with those there are, and closes', async () => {
    const [client] = await start();
    expect(await client.call(saslHandshakeApi, 1, { mechanism: 'GSSAPI' })).toEqual({
      errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: SASL_MECHANISMS,
    });
    await client.closed;
  });

  it('answers an exchange without handshake with an error, and closes', async () => {
    const [client] = await start();
    const { errorCode } = await client.call(saslAuthenticateApi, 2, { token: Buffer.alloc(0) });
    expect(errorCode).toBe(ErrorCode.ILLEGAL_SASL_STATE);
    await client.closed;
  });

  it('salts an unknown name the same each time, so that it does not show', async () => {
    const [, broker] = await start();
    const salts = await Promise.all(
      [1, 2].map(async () => {
        const client = await ProtocolClient.connect(broker.port);
        await client.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' });
        const token = Buffer.from('n,,n=nobody,r=abc');
        const answer = await client.call(saslAuthenticateApi, 2, { token });
        return /s=([^,]+)/.exec(String(answer.token))?.[1];
      }),
    );
    expect(salts[0]).toBeDefined();
    expect(salts[0]).toBe(salts[1]);
  });
});

describe('without the option', () => {
  it('has no use for SASL', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    const { errorCode } = await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' });
    expect(errorCode).toBe(ErrorCode.ILLEGAL_SASL_STATE);
  });

  it.each([
    [{ users: {} }, 'at least one'],
    [{ users: { a: '' } }, 'expected a password'],
    [{ users: { a: ['hidden'] as never } }, 'expected a password'],
    [{ users: 'a:hidden' as never }, 'expected passwords by user name'],
    [{ users: USERS, mechanisms: ['GSSAPI' as never] }, 'mechanisms'],
  ])('is refused as %j', async (sasl, problem) => {
    const message = await startBroker({ sasl }).then(
      () => 'it started',
      (error: Error) => error.message,
    );
    expect(message).toContain(problem);
    expect(message).not.toContain('hidden');
  });
});
