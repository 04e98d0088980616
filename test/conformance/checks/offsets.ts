import { expect } from 'vitest';
import type { Stage } from '../suite/stage.js';
import { area } from './check.js';

const TIME = 1_700_000_000_000;

async function threeRecords(stage: Stage, partitions = 1): Promise<string> {
  const topic = await stage.topic(partitions);
  await stage.send(
    topic,
    [1_000, 3_000, 2_000].map((ms) => ({ value: 'x', partition: 0, timestamp: TIME + ms })),
  );
  return topic;
}

/** Looking up and moving the ends of a partition. */
export const OFFSETS = area('offsets', (check) => {
  check('of the ends', ['listOffset', 'send'], async (stage) => {
    const topic = await threeRecords(stage, 2);
    const ends = [];
    for (const partition of [0, 1]) {
      for (const at of ['earliest', 'latest'] as const) {
        ends.push((await stage.call('listOffset', { topic, partition, at })).offset);
      }
    }
    expect(ends).toEqual([0, 3, 0, 0]);
  });

  for (const [kind, ms, offset] of [
    ['before the first record', 0, 0],
    ['of a record', 1_000, 0],
    ['between records', 1_500, 1],
    ['of the latest record', 3_000, 1],
    ['after the latest record', 3_001, null],
  ] as const) {
    check(`of a time ${kind}`, ['listOffset', 'send', 'timestamps'], async (stage) => {
      const topic = await threeRecords(stage);
      const at = { timestamp: TIME + ms };
      const found = await stage.call('listOffset', { topic, partition: 0, at });
      // kafkajs gives the end of the partition instead of nothing.
      expect(found.offset).toBe(stage.expected(offset, { kafkajs: offset ?? 3 }));
    });
  }

  check(
    'of the record with the latest time',
    ['listOffset', 'send', 'timestamps', 'max-timestamp'],
    async (stage) => {
      const topic = await threeRecords(stage);
      const found = await stage.call('listOffset', { topic, partition: 0, at: 'max-timestamp' });
      expect(found.offset).toBe(1);
    },
  );

  check('of an unknown topic', ['listOffset'], async (stage) => {
    const topic = stage.name('no');
    const code = await stage.refused(
      stage.call('listOffset', { topic, partition: 0, at: 'latest' }),
    );
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });

  check('move when records are deleted', ['listOffset', 'send', 'deleteRecords'], async (stage) => {
    const topic = await threeRecords(stage);
    await stage.call('deleteRecords', { topic, partition: 0, before: 2 });
    const low = await stage.call('listOffset', { topic, partition: 0, at: 'earliest' });
    const high = await stage.call('listOffset', { topic, partition: 0, at: 'latest' });
    expect([low.offset, high.offset]).toEqual([2, 3]);
  });

  check(
    'up to the end are deleted at once',
    ['listOffset', 'send', 'deleteRecords'],
    async (stage) => {
      const topic = await threeRecords(stage);
      await stage.call('deleteRecords', { topic, partition: 0, before: -1 });
      const low = await stage.call('listOffset', { topic, partition: 0, at: 'earliest' });
      expect(low.offset).toBe(3);
    },
  );

  check('beyond the end are not deleted', ['send', 'deleteRecords'], async (stage) => {
    const topic = await threeRecords(stage);
    const code = await stage.refused(
      stage.call('deleteRecords', { topic, partition: 0, before: 10 }),
    );
    expect(code).toBe('OFFSET_OUT_OF_RANGE');
    return code;
  });

  check('of an unknown topic are not deleted', ['deleteRecords'], async (stage) => {
    const code = await stage.refused(
      stage.call('deleteRecords', { topic: stage.name('no'), partition: 0, before: 1 }),
    );
    // The Java client asks until it runs out of time.
    const java = 'REQUEST_TIMED_OUT';
    expect(code).toBe(stage.expected('UNKNOWN_TOPIC_OR_PARTITION', { java, console: java }));
    return code;
  });
});
