import { CompressionTypes } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../index.js';
import { startBroker, TestClient } from '../testing/use-broker.js';

describe('producing and consuming with kafkajs', () => {
  const setUp = async (partitions = 1) => {
    const broker = await startBroker();
    const client = new TestClient(broker);
    const admin = await client.admin();
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: partitions }] });
    const stored = async (): Promise<number> => {
      const offsets = await admin.fetchTopicOffsets('t');
      return offsets.reduce((sum, { high }) => sum + Number(high), 0);
    };
    return { broker, client, admin, stored };
  };

  it('hands on keys, values, headers, timestamps and the order per partition', async () => {
    const { client } = await setUp(3);
    const producer = await client.producer();
    await producer.send({
      topic: 't',
      messages: Array.from({ length: 30 }, (_, n) => ({
        key: `k${n % 5}`,
        value: `v${n}`,
        headers: { n: String(n), bytes: Buffer.from([0, 255]) },
        timestamp: String(1_700_000_000_000 + n),
      })),
    });
    const got = await client.read('g', ['t'], (all) => all.length === 30);
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) {
      const numbers = got
        .filter(({ message }) => message.key?.toString() === key)
        .map(({ message }) => Number(message.headers?.['n']?.toString()));
      expect(numbers).toEqual([0, 5, 10, 15, 20, 25].map((n) => n + Number(key[1])));
    }
    const seven = got.find(({ value }) => value === 'v7')?.message;
    expect(seven?.timestamp).toBe('1700000000007');
    expect(seven?.headers?.['bytes']).toEqual(Buffer.from([0, 255]));
    expect(got.find(({ value }) => value === '')).toBeUndefined();
  });

  it('passes tombstones and packed batches through', async () => {
    const { client } = await setUp();
    const producer = await client.producer({});
    await producer.send({ topic: 't', messages: [{ key: 'k', value: null }] });
    await producer.send({
      topic: 't',
      compression: CompressionTypes.GZIP,
      messages: Array.from({ length: 100 }, (_, n) => ({ value: `packed ${n}` })),
    });
    const got = await client.read('g', ['t'], (all) => all.length === 101);
    expect(got[0]?.message.value).toBeNull();
    expect(got.map(({ message }) => message.offset)).toEqual(
      Array.from({ length: 101 }, (_, n) => String(n)),
    );
    expect(got[100]?.value).toBe('packed 99');
  });

  it.each([
    [true, 60],
    [false, 66],
  ])(
    'stores each record once when answers are lost, if idempotent (%s)',
    async (idempotent, total) => {
      const { broker, client, stored } = await setUp();
      const producer = await client.producer({ idempotent, maxInFlightRequests: 1 });
      let produced = 0;
      const heal = broker.fault(({ api }) =>
        api === 'Produce' && ++produced % 10 === 0
          ? { at: 'response', action: 'disconnect' }
          : undefined,
      );
      for (let n = 0; n < 60; n++) {
        await producer.send({ topic: 't', messages: [{ value: `v${n}` }] });
      }
      heal();
      expect(produced).toBeGreaterThan(60);
      expect(await stored()).toBe(total);
      const got = await client.read('g', ['t'], (all) => all.length === total);
      expect(new Set(got.map(({ value }) => value)).size).toBe(60);
      if (idempotent) expect(got.map(({ value }) => value)).toEqual(got.map((_, n) => `v${n}`));
    },
  );

  it('stores nothing of a request that never arrived', async () => {
    const { broker, client, stored } = await setUp();
    const producer = await client.producer();
    let lost = 0;
    broker.fault(({ api }) =>
      api === 'Produce' && lost++ < 3 ? { at: 'request', action: 'disconnect' } : undefined,
    );
    await producer.send({ topic: 't', messages: [{ value: 'a' }] });
    expect(lost).toBe(4);
    expect(await stored()).toBe(1);
  });

  it('can leave requests without an answer, or hold them up', async () => {
    const { broker, client, stored } = await setUp();
    const faults: Fault[] = [
      { at: 'request', action: 'drop' },
      { at: 'response', action: 'drop' },
      { at: 'request', action: 'delay', ms: 1 },
      { at: 'response', action: 'delay', ms: 1 },
    ];
    broker.fault(({ api }) => (api === 'Produce' ? faults.shift() : undefined));
    // After its own timeout the client sends again, on the same connection.
    const producer = await client.impatient(100).producer();
    await producer.send({ topic: 't', messages: [{ value: 'a' }] });
    await producer.send({ topic: 't', messages: [{ value: 'b' }] });
    expect(faults).toEqual([]);
    expect(await stored()).toBe(2);
  });

  it('refuses topics that are not there, unless told to make them', async () => {
    const { client } = await setUp();
    const producer = await client.producer({ retry: { retries: 0 } });
    await expect(producer.send({ topic: 'none', messages: [{ value: 'a' }] })).rejects.toThrow(
      /topic-partition/,
    );
    const generous = new TestClient(
      await startBroker({ autoCreateTopics: true, defaultPartitions: 4 }),
    );
    await (await generous.producer()).send({ topic: 'new', messages: [{ value: 'a' }] });
    const { topics } = await (await generous.admin()).fetchTopicMetadata({ topics: ['new'] });
    expect(topics[0]?.partitions).toHaveLength(4);
  });

  it('refuses a batch above max.message.bytes', async () => {
    const { client, admin } = await setUp();
    await admin.createTopics({
      topics: [{ topic: 'small', configEntries: [{ name: 'max.message.bytes', value: '200' }] }],
    });
    const producer = await client.producer({ retry: { retries: 0 } });
    await expect(
      producer.send({ topic: 'small', messages: [{ value: 'x'.repeat(300) }] }),
    ).rejects.toThrow(/larger than the max/);
  });
});
