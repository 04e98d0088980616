import { expect } from 'vitest';
import type { Codec } from '../port/operations.js';
import { values } from '../suite/stage.js';
import { area } from './check.js';

const CODECS: Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const bytesOf = (pairs: readonly (readonly [string, Buffer | null])[]) =>
  pairs.map(([name, value]) => [name, value === null ? null : value.toString()]);

/** What is sent comes back as it was. */
export const PRODUCING = area('producing', (check) => {
  check('keeps key, value and order', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(
      topic,
      range(20).map((i) => ({ key: `key ${i}`, value: `välue ${i}`, partition: 0 })),
    );
    const records = await stage.read(topic, 20);
    expect(records.map(({ key }) => key?.toString())).toEqual(range(20).map((i) => `key ${i}`));
    expect(values(records)).toEqual(range(20).map((i) => `välue ${i}`));
    return records.map(({ partition, offset }) => [partition, offset]);
  });

  check('keeps headers', ['send', 'receive', 'headers'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(topic, [
      {
        value: 'x',
        partition: 0,
        headers: [
          ['a', '1'],
          ['b', 'zwei ü'],
        ],
      },
    ]);
    const [record] = await stage.read(topic, 1);
    expect(bytesOf(record!.headers)).toEqual([
      ['a', '1'],
      ['b', 'zwei ü'],
    ]);
  });

  check(
    'keeps headers of one name, in order, and null ones',
    ['send', 'receive', 'free-headers'],
    async (stage) => {
      const topic = await stage.topic();
      const headers = [
        ['a', '1'],
        ['b', null],
        ['a', '2'],
        ['c', ''],
      ] as const;
      await stage.send(topic, [{ value: 'x', partition: 0, headers }]);
      const [record] = await stage.read(topic, 1);
      expect(bytesOf(record!.headers)).toEqual(headers);
    },
  );

  check('keeps bytes that are no text', ['send', 'receive', 'binary'], async (stage) => {
    const topic = await stage.topic();
    const bytes = Buffer.from(range(256));
    await stage.send(topic, [{ key: bytes, value: bytes, partition: 0 }]);
    const [record] = await stage.read(topic, 1);
    expect(record!.key?.equals(bytes)).toBe(true);
    expect(record!.value?.equals(bytes)).toBe(true);
  });

  check('keeps a missing value', ['send', 'receive', 'null-values'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(topic, [{ key: 'gone', value: null, partition: 0 }]);
    const [record] = await stage.read(topic, 1);
    expect([record!.key?.toString(), record!.value]).toEqual(['gone', null]);
  });

  check(
    'tells empty from missing, in keys and values',
    ['send', 'receive', 'null-values', 'empty-bytes'],
    async (stage) => {
      const topic = await stage.topic();
      await stage.send(topic, [
        { key: null, value: 'x', partition: 0 },
        { key: '', value: 'x', partition: 0 },
        { key: 'k', value: null, partition: 0 },
        { key: 'k', value: '', partition: 0 },
      ]);
      const records = await stage.read(topic, 4);
      const text = (bytes: Buffer | null) => bytes?.toString() ?? null;
      expect(records.map(({ key, value }) => [text(key), text(value)])).toEqual([
        [null, 'x'],
        ['', 'x'],
        ['k', null],
        ['k', ''],
      ]);
    },
  );

  check('keeps the time it was given', ['send', 'receive', 'timestamps'], async (stage) => {
    const topic = await stage.topic();
    const times = [1_700_000_000_000, 1_700_000_060_000, 1_700_000_001_000];
    await stage.send(
      topic,
      times.map((timestamp) => ({ value: 'x', partition: 0, timestamp })),
    );
    const records = await stage.read(topic, 3);
    expect(records.map(({ timestamp }) => timestamp)).toEqual(times);
  });

  check(
    'keeps times that are years apart',
    ['send', 'receive', 'timestamps', 'time-span'],
    async (stage) => {
      const topic = await stage.topic();
      const times = [1_600_000_000_000, 1_700_000_000_000, 1_000_000_000_000];
      await stage.send(
        topic,
        times.map((timestamp) => ({ value: 'x', partition: 0, timestamp })),
      );
      const records = await stage.read(topic, 3);
      expect(records.map(({ timestamp }) => timestamp)).toEqual(times);
    },
  );

  check(
    'gets the time of the broker where the topic says so',
    ['send', 'receive', 'timestamps', 'append-time'],
    async (stage) => {
      const topic = await stage.topic(1, { 'message.timestamp.type': 'LogAppendTime' });
      const before = Date.now();
      await stage.send(topic, [{ value: 'x', partition: 0, timestamp: 1_600_000_000_000 }]);
      const [record] = await stage.read(topic, 1);
      expect(record!.timestamp).toBeGreaterThanOrEqual(before - 1_000);
    },
  );

  for (const codec of CODECS) {
    check(`compresses by ${codec}`, ['send', 'receive', `codec:${codec}`], async (stage) => {
      const topic = await stage.topic();
      const sent = range(200).map((i) => `value ${i} ${'again '.repeat(20)}`);
      await stage.send(
        topic,
        sent.map((value) => ({ key: 'k', value, partition: 0 })),
        { codec },
      );
      const records = await stage.read(topic, 200);
      expect(values(records)).toEqual(sent);
      expect(records.map(({ offset }) => offset)).toEqual(range(200));
    });
  }

  check(
    'is compressed by the broker where the topic says so',
    ['send', 'receive'],
    async (stage) => {
      const topic = await stage.topic(1, { 'compression.type': 'gzip' });
      await stage.send(topic, [{ value: 'x', partition: 0 }]);
      expect(values(await stage.read(topic, 1))).toEqual(['x']);
    },
  );

  for (const acks of [1, -1] as const) {
    check(`with acks ${acks} is told where it went`, ['send', 'sent-positions'], async (stage) => {
      const topic = await stage.topic(2);
      const first = await stage.send(topic, [{ value: 'a', partition: 1 }], { acks });
      const then = await stage.send(
        topic,
        range(3).map((i) => ({ value: `${i}`, partition: 1 })),
        { acks },
      );
      expect(first).toEqual([{ partition: 1, offset: 0 }]);
      expect(then).toEqual([1, 2, 3].map((offset) => ({ partition: 1, offset })));
    });
  }

  check('with acks 0 arrives all the same', ['send', 'receive', 'acks:0'], async (stage) => {
    const topic = await stage.topic();
    const producer = await stage.producer({ acks: 0 });
    await stage.call('send', { producer, topic, records: [{ value: 'x', partition: 0 }] });
    expect(values(await stage.read(topic, 1))).toEqual(['x']);
  });

  check('goes to the partition it names', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic(3);
    await stage.send(
      topic,
      [2, 0, 1, 2].map((partition) => ({ value: `to ${partition}`, partition })),
    );
    const records = await stage.read(topic, 4);
    const seen = records.map(({ partition, value }) => `${partition}: ${String(value)}`).sort();
    expect(seen).toEqual(['0: to 0', '1: to 1', '2: to 2', '2: to 2']);
    return seen;
  });

  check('with a key always goes to the same partition', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic(4);
    for (const round of [1, 2]) {
      await stage.send(
        topic,
        range(12).map((i) => ({ key: `key-${i}`, value: `${round}` })),
      );
    }
    const records = await stage.read(topic, 24);
    const places = new Map<string, Set<number>>();
    for (const { key, partition } of records) {
      places.set(String(key), (places.get(String(key)) ?? new Set()).add(partition));
    }
    expect([...places.values()].every((where) => where.size === 1)).toBe(true);
    return [...places].map(([key, where]) => [key, ...where]).sort();
  });

  check('places keys as the Java client does', ['send', 'receive', 'murmur2'], async (stage) => {
    const topic = await stage.topic(8);
    await stage.send(
      topic,
      ['apple', 'pear', 'ünïcode', '', '42'].map((key) => ({ key, value: 'x' })),
    );
    const records = await stage.read(topic, 5);
    // murmur2(key) & 0x7fffffff modulo 8.
    expect(
      Object.fromEntries(records.map(({ key, partition }) => [String(key), partition])),
    ).toEqual({
      apple: 5,
      pear: 7,
      ünïcode: 5,
      '': 1,
      42: 4,
    });
  });

  check('sends a thousand records at once', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic();
    await stage.send(
      topic,
      range(1_000).map((i) => ({ key: `${i}`, value: 'v'.repeat(200), partition: 0 })),
    );
    const records = await stage.read(topic, 1_000);
    expect(records.map(({ key }) => Number(key))).toEqual(range(1_000));
  });

  check('carries a record of 900 kB', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic();
    const value = 'large '.repeat(150_000);
    await stage.send(topic, [{ value, partition: 0 }]);
    expect(values(await stage.read(topic, 1))[0]?.length).toBe(value.length);
  });

  check('is refused beyond the size that the topic allows', ['send'], async (stage) => {
    const topic = await stage.topic(1, { 'max.message.bytes': '2000' });
    const code = await stage.refused(
      stage.send(topic, [{ value: 'x'.repeat(3_000), partition: 0 }]),
    );
    expect(code).toBe('MESSAGE_TOO_LARGE');
    await stage.send(topic, [{ value: 'small', partition: 0 }]);
    return code;
  });

  check('is refused by an unknown topic', ['send'], async (stage) => {
    const code = await stage.refused(stage.send(stage.name('no'), [{ value: 'x' }]));
    expect(code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    return code;
  });

  check('needs a key where the topic is compacted', ['send', 'null-values'], async (stage) => {
    const topic = await stage.topic(1, { 'cleanup.policy': 'compact' });
    await stage.send(topic, [{ key: 'k', value: 'x', partition: 0 }]);
    const code = await stage.refused(stage.send(topic, [{ key: null, value: 'x', partition: 0 }]));
    expect(code).toBe('INVALID_RECORD');
    return code;
  });

  check(
    'idempotently is stored once and in order',
    ['send', 'receive', 'idempotent'],
    async (stage) => {
      const topic = await stage.topic();
      const producer = await stage.producer({ idempotent: true });
      for (const i of range(10)) {
        await stage.call('send', { producer, topic, records: [{ value: `${i}`, partition: 0 }] });
      }
      expect(values(await stage.read(topic, 10))).toEqual(range(10).map(String));
    },
  );

  check(
    'idempotently by two producers at a time',
    ['send', 'receive', 'idempotent'],
    async (stage) => {
      const topic = await stage.topic();
      const producers = [
        await stage.producer({ idempotent: true }),
        await stage.producer({ idempotent: true }),
      ];
      for (const i of range(6)) {
        const producer = producers[i % 2]!;
        await stage.call('send', { producer, topic, records: [{ value: `${i}`, partition: 0 }] });
      }
      expect(values(await stage.read(topic, 6))).toEqual(range(6).map(String));
    },
  );

  check('by producers at the same time loses nothing', ['send', 'receive'], async (stage) => {
    const topic = await stage.topic();
    const lanes = ['a', 'b', 'c'];
    await Promise.all(
      lanes.map((lane) =>
        stage.send(
          topic,
          range(50).map((i) => ({ key: lane, value: `${i}`, partition: 0 })),
        ),
      ),
    );
    const records = await stage.read(topic, 150);
    for (const lane of lanes) {
      const own = records.filter(({ key }) => String(key) === lane);
      expect(values(own)).toEqual(range(50).map(String));
    }
    expect(records.map(({ offset }) => offset)).toEqual(range(150));
  });
});
