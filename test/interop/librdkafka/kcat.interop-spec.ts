import { randomUUID } from 'node:crypto';
import { kafkajsDriver, partitionOf, type KafkaDriver } from '@rookery/kafka';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { Kcat, whyNoKcat } from './kcat.js';

const noKcat = await whyNoKcat();
if (noKcat !== undefined) process.stderr.write(`Skipped: librdkafka, because ${noKcat}\n`);
const ofRun = inject('rookery:kafka');

/** What holds on the embedded broker is shown to hold on the real one. */
const BROKERS: [name: string, obstacle: string | undefined][] = [
  ['the embedded broker', noKcat],
  ['a real Kafka', noKcat ?? ('missing' in ofRun ? ofRun.missing : undefined)],
];

describe.each(BROKERS)('librdkafka on %s', (name, obstacle) => {
  describe.skipIf(obstacle !== undefined)(`by kcat${obstacle ? `: ${obstacle}` : ''}`, () => {
    let embedded: EmbeddedKafka | undefined;
    let driver: KafkaDriver;
    let kcat: Kcat;
    let brokers: readonly string[];

    beforeAll(async () => {
      if (name === 'the embedded broker') embedded = await EmbeddedKafka.start({});
      brokers = embedded?.brokers ?? ('brokers' in ofRun ? ofRun.brokers : []);
      driver = await kafkajsDriver({ brokers, clientId: 'interop', heartbeatMs: 200 });
      kcat = new Kcat(brokers);
    });
    afterAll(async () => {
      await driver?.close();
      await embedded?.stop();
    });

    async function create(partitions: number): Promise<string> {
      const topic = `kcat-${randomUUID()}`;
      await driver.admin().ensureTopics([{ topic, partitions, replicationFactor: 1 }]);
      return topic;
    }

    const lines = (count: number, from = 0): string[] =>
      Array.from({ length: count }, (_, i) => `key-${(from + i) % 7}:value ${from + i}`);

    it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
      'produces idempotently with compression %s, and reads back what it sent',
      async (codec) => {
        const topic = await create(1);
        const sent = lines(500);
        await kcat.produce(topic, sent, '-X', 'enable.idempotence=true', '-z', codec);
        await kcat.produce(topic, ['gone:'], '-X', 'enable.idempotence=true', '-z', codec);
        const got = await kcat.consume(topic);
        expect(got.map(({ key, payload }) => `${key}:${payload ?? ''}`)).toEqual([
          ...sent,
          'gone:',
        ]);
        expect(got.map(({ offset }) => offset)).toEqual([...Array(501).keys()]);
        expect(got.at(-1)?.payload).toBeNull();
      },
    );

    it.runIf(name === 'the embedded broker')(
      'has each record stored once and in order, though acknowledgements are lost',
      async () => {
        const topic = await create(1);
        const sent = lines(100);
        let requests = 0;
        const stop = embedded?.fault(({ api }) =>
          api === 'Produce' && requests++ % 3 === 0
            ? { at: 'response', action: 'disconnect' }
            : undefined,
        );
        // By default kcat gives up when its only connection is lost.
        const goOn = ['-E', '-X', 'reconnect.backoff.ms=10'];
        const idempotently = ['-X', 'enable.idempotence=true', '-X', 'batch.num.messages=10'];
        await kcat.produce(topic, sent, ...goOn, ...idempotently).finally(stop);
        expect(requests).toBeGreaterThan(10);
        const got = await kcat.consume(topic);
        expect(got.map(({ key, payload }) => `${key}:${payload}`)).toEqual(sent);
      },
    );

    it('agrees with our driver on keys, partitions, headers and bytes', async () => {
      const topic = await create(5);
      await kcat.produce(
        topic,
        lines(21),
        '-H',
        'rk-text=é',
        '-X',
        'topic.partitioner=murmur2_random',
        '-z',
        'gzip',
      );
      const group = `g-${topic}`;
      const consumer = driver.consumer({ group, topics: [topic] });
      const seen: { key: string; partition: number; header: string }[] = [];
      await consumer.start({
        onAssigned: () => {},
        onRevoked: async () => {},
        onRecords: ({ records }) =>
          void seen.push(
            ...records.map(({ key, partition, headers }) => ({
              key: String(key),
              partition,
              header: String(headers['rk-text']),
            })),
          ),
      });
      await vi.waitUntil(() => seen.length === 21, 20_000);
      await consumer.close();
      for (const { key, partition, header } of seen) {
        expect(partition).toBe(partitionOf(Buffer.from(key), 5));
        expect(header).toBe('é');
      }
      await driver
        .producer()
        .send([{ topic, partition: 0, key: 'ours', value: 'ü', headers: { h: 'x' } }]);
      const ours = (await kcat.consume(topic)).find(({ key }) => key === 'ours');
      expect(ours).toMatchObject({ partition: 0, payload: 'ü', headers: ['h', 'x'] });
    });

    it('goes on in a group where its last member committed', async () => {
      const topic = await create(3);
      const group = `g-${topic}`;
      await kcat.produce(topic, lines(50));
      expect(await kcat.consumeAs(group, topic)).toHaveLength(50);
      await kcat.produce(topic, lines(20, 50));
      const rest = await kcat.consumeAs(group, topic);
      expect(rest.map(({ payload }) => Number(payload?.slice(6))).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 20 }, (_, i) => 50 + i),
      );
      const lags = await driver.admin().lag(group, [topic]);
      expect(lags.reduce((sum, { committed }) => sum + (committed ?? 0), 0)).toBe(70);
      expect(lags.every(({ lag }) => lag === 0)).toBe(true);
    });

    it.each(['range', 'roundrobin', 'cooperative-sticky'])(
      'shares partitions by %s, and hands them over when a member leaves',
      async (strategy) => {
        const topic = await create(4);
        const group = `g-${topic}`;
        const options = ['-X', `partition.assignment.strategy=${strategy}`];
        const everywhere = Array.from({ length: 4 }, (_, partition) => partition);
        const producer = driver.producer();
        const send = (value: string) =>
          producer.send(everywhere.map((partition) => ({ topic, partition, key: null, value })));
        const first = kcat.join(group, topic, ...options);
        const second = kcat.join(group, topic, ...options);
        const partitions = (member: typeof first, value: string) =>
          new Set(
            member
              .records()
              .filter(({ payload }) => payload === value)
              .map(({ partition }) => partition),
          );
        try {
          // One round after the other, until both members have their share of one.
          for (let round = 1, shares = [0]; shares.some((size) => size !== 2); round += 1) {
            const value = `round ${round}`;
            await send(value);
            const everywhereRead = vi.waitUntil(() => {
              shares = [first, second].map((member) => partitions(member, value).size);
              return shares.reduce((sum, size) => sum + size, 0) >= 4;
            }, 20_000);
            // A member that fails says why, instead of leaving all to the other for ever.
            await Promise.race([everywhereRead, first.failed, second.failed]);
          }
          await first.end();
          await send('after');
          await vi.waitUntil(() => partitions(second, 'after').size === 4, 20_000);
        } finally {
          await Promise.all([first.end(), second.end()]);
        }
        const ids = [...first.records(), ...second.records()].map(
          ({ partition, offset }) => `${partition}:${offset}`,
        );
        // Nothing missed. Nor twice: members commit before they give partitions back.
        expect(ids.length).toBe(new Set(ids).size);
        const lags = await driver.admin().lag(group, [topic]);
        expect(ids).toHaveLength(lags.reduce((sum, { end }) => sum + end, 0));
      },
    );

    it('sees the cluster and its topics, and finds offsets by time', async () => {
      const topic = await create(2);
      await driver.producer().send(
        [1_000, 2_000, 3_000].map((n) => ({
          topic,
          partition: 1,
          key: null,
          value: 'x',
          timestamp: 1_700_000_000_000 + n,
        })),
      );
      const { brokers, topics } = await kcat.metadata('-t', topic);
      expect(brokers).toHaveLength(1);
      expect(topics).toMatchObject([{ topic, partitions: [{}, {}] }]);
      expect(await kcat.offsetAt(topic, 1, 1_700_000_001_500)).toContain(`${topic} [1] offset 1`);
      expect(await kcat.offsetAt(topic, 1, 1_700_000_009_000)).toContain(`${topic} [1] offset -1`);
    });

    it('reads what is committed, and only that, when it is asked to', async () => {
      const topic = await create(1);
      const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
      const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1 });
      await producer.connect();
      try {
        for (const [value, end] of [
          ['a', 'abort'],
          ['b', 'commit'],
          ['c', 'abort'],
          ['d', 'commit'],
          ['e', undefined],
        ] as const) {
          const transaction = await producer.transaction();
          await transaction.send({
            topic,
            messages: [{ value: `${value}1` }, { value: `${value}2` }],
          });
          if (end !== undefined) await transaction[end]();
        }
        const values = async (level: string): Promise<(string | null)[]> => {
          const read = await kcat.consume(topic, '-X', `isolation.level=${level}`);
          return read.map(({ payload }) => payload);
        };
        expect(await values('read_committed')).toEqual(['b1', 'b2', 'd1', 'd2']);
        const all = ['a', 'b', 'c', 'd', 'e'].flatMap((value) => [`${value}1`, `${value}2`]);
        expect(await values('read_uncommitted')).toEqual(all);
      } finally {
        await producer.disconnect();
      }
    });

    it('is told that a topic does not exist', async () => {
      await expect(kcat.consume(`kcat-${randomUUID()}`)).rejects.toThrow(
        /Unknown topic or partition/i,
      );
    });
  });
});
