import { expect } from 'vitest';
import { values } from '../suite/stage.js';
import { area } from './check.js';

const TIME = 1_700_000_000_000;

/** Where a consumer begins, and what it gets. */
export const CONSUMING = area('consuming', (check) => {
  check('begins at the beginning', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(
      topic,
      ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })),
    );
    expect(values(await stage.read(topic, 3))).toEqual(['a', 'b', 'c']);
  });

  check('begins at an offset', ['send', 'receive', 'assign'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(
      topic,
      ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })),
    );
    const records = await stage.read(topic, 2, { from: 1 });
    expect(values(records)).toEqual(['b', 'c']);
    return records.map(({ offset }) => offset);
  });

  check('begins at the end', ['send', 'receive', 'assign', 'seek'], async (stage) => {
    const topic = await stage.topic();
    const producer = await stage.producer();
    await stage.call('send', { producer, topic, records: [{ value: 'old', partition: 0 }] });
    const consumer = await stage.consumer({ assign: [{ topic, partition: 0, from: 'latest' }] });
    // It looks the end up when it first polls: send until something of it arrives.
    for (let i = 0, seen = 0; seen === 0; i += 1) {
      await stage.call('send', { producer, topic, records: [{ value: `new ${i}`, partition: 0 }] });
      const { records } = await stage.call('receive', { consumer, count: 1, withinMs: 1_000 });
      expect(values(records)).not.toContain('old');
      seen = records.length;
    }
  });

  check('gets what arrives while it waits', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic();
    const producer = await stage.producer();
    const reading = stage.read(topic, 2, { withinMs: 20_000 });
    await stage.call('send', { producer, topic, records: [{ value: 'a', partition: 0 }] });
    await stage.call('send', { producer, topic, records: [{ value: 'b', partition: 0 }] });
    expect(values(await reading)).toEqual(['a', 'b']);
  });

  check('reads all partitions, each in order', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic(3);
    const records = Array.from({ length: 30 }, (_, i) => ({ value: `${i}`, partition: i % 3 }));
    await stage.send(topic, records);
    const read = await stage.read(topic, 30);
    for (const partition of [0, 1, 2]) {
      const own = read.filter((record) => record.partition === partition);
      expect(values(own)).toEqual(
        records.filter((record) => record.partition === partition).map(({ value }) => value),
      );
      expect(own.map(({ offset }) => offset)).toEqual(own.map((_, i) => i));
    }
  });

  check('reads two topics', ['send', 'openConsumer', 'closeConsumer'], async (stage) => {
    const topics = [await stage.topic(), await stage.topic(2)];
    for (const topic of topics)
      await stage.send(topic, [{ value: `of ${topics.indexOf(topic)}`, partition: 0 }]);
    const consumer = await stage.consumer({ group: stage.name('g'), topics });
    const records = await stage.receive(consumer, 2);
    expect(values(records).sort()).toEqual(['of 0', 'of 1']);
  });

  check('seeks back and forth', ['send', 'receive', 'seek'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(
      topic,
      ['a', 'b', 'c', 'd'].map((value) => ({ value, partition: 0 })),
    );
    const consumer = await stage.consumer({ group: stage.name('g'), topics: [topic] });
    expect(values(await stage.receive(consumer, 4))).toEqual(['a', 'b', 'c', 'd']);
    await stage.call('seek', { consumer, topic, partition: 0, offset: 1 });
    expect(values(await stage.receive(consumer, 3))).toEqual(['b', 'c', 'd']);
    await stage.call('seek', { consumer, topic, partition: 0, offset: 3 });
    expect(values(await stage.receive(consumer, 1))).toEqual(['d']);
  });

  check(
    'gets nothing of a partition while it is paused',
    ['send', 'receive', 'pause', 'resume'],
    async (stage) => {
      const topic = await stage.topic(2);
      const producer = await stage.producer();
      const send = (value: string, partition: number) =>
        stage.call('send', { producer, topic, records: [{ value, partition }] });
      await send('a', 0);
      await send('b', 1);
      const consumer = await stage.consumer({ group: stage.name('g'), topics: [topic] });
      expect(values(await stage.receive(consumer, 2)).sort()).toEqual(['a', 'b']);
      await stage.call('pause', { consumer, topic, partition: 0 });
      // What was asked for before the pause may still bring one record.
      await send('flushes', 0);
      await stage.call('receive', { consumer, count: 1, withinMs: 700 });
      await send('waits', 0);
      await send('c', 1);
      expect(values(await stage.receive(consumer, 1))).toEqual(['c']);
      await stage.call('resume', { consumer, topic, partition: 0 });
      for (let late: (string | null)[] = []; !late.includes('waits');) {
        late = values(await stage.receive(consumer, 1));
      }
    },
  );

  for (const reset of ['earliest', 'latest'] as const) {
    check(
      `out of range goes on at the ${reset}`,
      ['send', 'receive', 'seek', 'listOffset'],
      async (stage) => {
        const topic = await stage.topic();
        const producer = await stage.producer();
        const send = (value: string) =>
          stage.call('send', { producer, topic, records: [{ value, partition: 0 }] });
        await send('a');
        await send('b');
        const group = stage.name('g');
        const consumer = await stage.consumer({ group, topics: [topic], reset });
        if (reset === 'earliest') {
          expect(values(await stage.receive(consumer, 2))).toEqual(['a', 'b']);
          await stage.call('seek', { consumer, topic, partition: 0, offset: 500 });
          expect(values(await stage.receive(consumer, 2))).toEqual(['a', 'b']);
          return;
        }
        await stage.assigned(consumer, topic, 1);
        await stage.call('seek', { consumer, topic, partition: 0, offset: 500 });
        for (let i = 0, seen: (string | null)[] = []; seen.length === 0; i += 1) {
          await send(`late ${i}`);
          seen = values(
            (await stage.call('receive', { consumer, count: 1, withinMs: 1_000 })).records,
          );
          expect(seen.filter((value) => value === 'a' || value === 'b')).toEqual([]);
        }
      },
    );
  }

  check(
    'out of range fails where no reset is allowed',
    ['send', 'receive', 'assign', 'reset:none'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(topic, [{ value: 'a', partition: 0 }]);
      const consumer = await stage.consumer({
        assign: [{ topic, partition: 0, from: 500 }],
        reset: 'none',
      });
      const code = await stage.refused(
        stage.call('receive', { consumer, count: 1, withinMs: 10_000 }),
      );
      expect(code).toBe('OFFSET_OUT_OF_RANGE');
      return code;
    },
  );

  check(
    'without an offset fails where no reset is allowed',
    ['receive', 'reset:none'],
    async (stage) => {
      const topic = await stage.topic();
      const consumer = await stage.consumer({
        group: stage.name('g'),
        topics: [topic],
        reset: 'none',
      });
      const code = await stage.refused(
        stage.call('receive', { consumer, count: 1, withinMs: 10_000 }),
      );
      expect(code).toBe('CLIENT:NO_OFFSET');
      return code;
    },
  );

  check(
    'begins where a time begins',
    ['send', 'receive', 'timestamps', 'listOffset', 'assign'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(
        topic,
        [0, 1_000, 2_000].map((ms) => ({ value: `${ms}`, partition: 0, timestamp: TIME + ms })),
      );
      const at = { timestamp: TIME + 500 };
      const { offset } = await stage.call('listOffset', { topic, partition: 0, at });
      expect(values(await stage.read(topic, 2, { from: offset! }))).toEqual(['1000', '2000']);
    },
  );

  check(
    'waits for an unknown topic to appear, or is told of it',
    ['receive', 'assign'],
    async (stage) => {
      const topic = stage.name('no');
      const consumer = stage.name('c');
      const code = await stage.refused(
        (async () => {
          await stage.call('openConsumer', {
            consumer,
            assign: [{ topic, partition: 0, from: 0 }],
          });
          const { records } = await stage.call('receive', { consumer, count: 1, withinMs: 1_500 });
          return records;
        })(),
      );
      await stage.call('closeConsumer', { consumer }).catch(() => {});
      expect(code).toBe(stage.expected('NOT_REFUSED', { kcat: 'UNKNOWN_TOPIC_OR_PARTITION' }));
      return code;
    },
  );

  check(
    'reads on after records before it were deleted',
    ['send', 'receive', 'deleteRecords'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(
        topic,
        ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })),
      );
      await stage.call('deleteRecords', { topic, partition: 0, before: 2 });
      const records = await stage.read(topic, 1);
      expect(values(records)).toEqual(['c']);
      return records.map(({ offset }) => offset);
    },
  );
});
