import { expect } from 'vitest';
import { area } from './check.js';
import type { Stage } from '../suite/stage.js';

async function configsOf(stage: Stage, topic: string) {
  return (await stage.call('describeConfigs', { type: 'topic', name: topic })).configs;
}

/** Configs of topics and brokers. */
export const CONFIGS = area('configs', (check) => {
  check('of a topic are described with their defaults', ['describeConfigs'], async (stage) => {
    const configs = await configsOf(stage, await stage.topic());
    const { 'cleanup.policy': cleanup, 'max.message.bytes': max } = configs;
    expect(cleanup?.value).toBe('delete');
    return {
      cleanup: cleanup?.value,
      max: max?.value,
      type: configs['message.timestamp.type']?.value,
    };
  });

  check(
    'tell what is set from what is a default',
    ['describeConfigs', 'is-default'],
    async (stage) => {
      const configs = await configsOf(stage, await stage.topic(1, { 'retention.ms': '12345' }));
      expect(configs['retention.ms']).toEqual({ value: '12345', isDefault: false });
      expect(configs['cleanup.policy']).toEqual({ value: 'delete', isDefault: true });
    },
  );

  check('given on creation are kept', ['createTopic', 'describeConfigs'], async (stage) => {
    const topic = stage.name('topic');
    const given = { 'retention.ms': '60000', 'max.message.bytes': '5000' };
    await stage.call('createTopic', { topic, partitions: 1, configs: given });
    const configs = await stage.settled(() => configsOf(stage, topic));
    expect(configs['retention.ms']?.value).toBe('60000');
    expect(configs['max.message.bytes']?.value).toBe('5000');
  });

  check('of an unknown topic are refused', ['describeConfigs'], async (stage) => {
    const code = await stage.refused(configsOf(stage, stage.name('no')));
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });

  check('of the broker are described', ['describeConfigs'], async (stage) => {
    const { configs } = await stage.call('describeConfigs', { type: 'broker', name: '1' });
    expect(configs['auto.create.topics.enable']?.value).toBe('false');
  });

  check('are changed one by one', ['incrementalAlterConfigs', 'describeConfigs'], async (stage) => {
    const topic = await stage.topic(1, { 'retention.ms': '60000', 'max.message.bytes': '5000' });
    await stage.call('incrementalAlterConfigs', { topic, set: { 'retention.ms': '70000' } });
    const configs = await stage.until(
      () => configsOf(stage, topic),
      (answer) => answer['retention.ms']?.value === '70000',
    );
    expect(configs['max.message.bytes']?.value).toBe('5000');
  });

  check(
    'are taken back to the default',
    ['incrementalAlterConfigs', 'describeConfigs'],
    async (stage) => {
      const usual = (await configsOf(stage, await stage.topic()))['max.message.bytes']?.value;
      const topic = await stage.topic(1, { 'max.message.bytes': '5000' });
      await stage.call('incrementalAlterConfigs', { topic, unset: ['max.message.bytes'] });
      await stage.until(
        () => configsOf(stage, topic),
        (answer) => answer['max.message.bytes']?.value === usual,
      );
      return usual;
    },
  );

  for (const [kind, set] of [
    ['unknown', { 'no.such.config': '1' }],
    ['no number', { 'retention.ms': 'soon' }],
    ['out of range', { 'max.message.bytes': '-5' }],
  ] as const) {
    check(`that are ${kind} are not set`, ['incrementalAlterConfigs'], async (stage) => {
      const topic = await stage.topic();
      const code = await stage.refused(stage.call('incrementalAlterConfigs', { topic, set }));
      expect(code).toBe('INVALID_CONFIG');
      return code;
    });
  }

  check('of an unknown topic are not set', ['incrementalAlterConfigs'], async (stage) => {
    const code = await stage.refused(
      stage.call('incrementalAlterConfigs', {
        topic: stage.name('no'),
        set: { 'retention.ms': '1' },
      }),
    );
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });

  check('are replaced as a whole', ['alterConfigs', 'describeConfigs'], async (stage) => {
    const usual = (await configsOf(stage, await stage.topic()))['max.message.bytes']?.value;
    const topic = await stage.topic(1, { 'max.message.bytes': '5000' });
    await stage.call('alterConfigs', { topic, configs: { 'retention.ms': '70000' } });
    await stage.until(
      () => configsOf(stage, topic),
      (answer) =>
        answer['retention.ms']?.value === '70000' && answer['max.message.bytes']?.value === usual,
    );
  });

  check(
    'take effect at once: records too large are refused',
    ['incrementalAlterConfigs', 'send'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(topic, [{ value: 'x'.repeat(5_000), partition: 0 }]);
      await stage.call('incrementalAlterConfigs', { topic, set: { 'max.message.bytes': '1000' } });
      const code = await stage.until(
        () => stage.refused(stage.send(topic, [{ value: 'x'.repeat(5_000), partition: 0 }])),
        (answer) => answer !== 'NOT_REFUSED',
      );
      expect(code).toBe('MESSAGE_TOO_LARGE');
      return code;
    },
  );
});
