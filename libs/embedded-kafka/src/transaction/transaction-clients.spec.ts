import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EmbeddedKafkaOptions } from '../index.js';
import { Reader, startBroker, TestClient } from '../testing/use-broker.js';

async function setUp(options?: EmbeddedKafkaOptions) {
  const broker = await startBroker(options);
  const client = new TestClient(broker);
  const admin = await client.admin();
  await admin.createTopics({ topics: [{ topic: 'in' }, { topic: 'out', numPartitions: 2 }] });
  const committed = async (groupId: string): Promise<string | undefined> => {
    const [topic] = await admin.fetchOffsets({ groupId, topics: ['in'] });
    return topic?.partitions[0]?.offset;
  };
  /** A consumer of all, with or without what is not committed. */
  const reader = async (groupId: string, readUncommitted: boolean): Promise<Reader> => {
    const one = new Reader();
    await one.run(await client.consumer(groupId, { readUncommitted }), ['out']);
    return one;
  };
  return { broker, client, admin, committed, reader };
}

const values = (reader: Reader): string[] => reader.got.map(({ value }) => value).sort();

describe('transactions with kafkajs', () => {
  const transactional = { transactionalId: 'tx', maxInFlightRequests: 1, idempotent: true };

  it('shows what is committed, at once and over all partitions, and never what is aborted', async () => {
    const { client, reader } = await setUp();
    const producer = await client.producer(transactional);
    const [committed, all] = [await reader('c', false), await reader('u', true)];
    const send = async (name: string, end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await producer.transaction();
      for (const partition of [0, 1]) {
        await transaction.send({
          topic: 'out',
          messages: [0, 1].map((n) => ({ partition, value: `${name}${partition}${n}` })),
        });
      }
      await all.until((got) => got.filter(({ value }) => value.startsWith(name)).length === 4);
      expect(committed.got.filter(({ value }) => value.startsWith(name))).toEqual([]);
      await transaction[end]();
    };
    await send('a', 'abort');
    await send('b', 'commit');
    await committed.until((got) => got.length === 4);
    await send('c', 'abort');
    await send('d', 'commit');
    await committed.until((got) => got.length === 8);
    expect(values(committed)).toEqual(
      ['b', 'd'].flatMap((name) => ['00', '01', '10', '11'].map((n) => name + n)),
    );
    expect(all.got).toHaveLength(16);
  });

  it('commits offsets with the records, or neither', async () => {
    const { client, committed, reader } = await setUp();
    const producer = await client.producer(transactional);
    const offsets = (offset: string) => ({
      consumerGroupId: 'g',
      topics: [{ topic: 'in', partitions: [{ partition: 0, offset }] }],
    });
    const aborted = await producer.transaction();
    await aborted.send({ topic: 'out', messages: [{ value: 'no' }] });
    await aborted.sendOffsets(offsets('5'));
    expect(await committed('g')).toBe('-1');
    await aborted.abort();
    expect(await committed('g')).toBe('-1');
    const kept = await producer.transaction();
    await kept.send({ topic: 'out', messages: [{ value: 'yes' }] });
    await kept.sendOffsets(offsets('7'));
    await kept.commit();
    expect(await committed('g')).toBe('7');
    const got = await reader('c', false);
    await got.until((all) => all.length === 1);
    expect(values(got)).toEqual(['yes']);
  });

  it('fences a producer when another one starts with its id', async () => {
    const { client, reader } = await setUp();
    const impatient = { ...transactional, retry: { retries: 3, initialRetryTime: 10 } };
    const old = await client.producer(impatient);
    const zombie = await old.transaction();
    await zombie.send({ topic: 'out', messages: [{ value: 'zombie' }] });
    const next = await client.producer(transactional);
    const transaction = await next.transaction();
    await transaction.send({ topic: 'out', messages: [{ value: 'next' }] });
    await expect(zombie.send({ topic: 'out', messages: [{ value: 'late' }] })).rejects.toThrow(
      /epoch|fenced/i,
    );
    await expect(zombie.commit()).rejects.toThrow(/epoch|fenced|state/i);
    await transaction.commit();
    const got = await reader('c', false);
    await got.until((all) => all.length === 1);
    expect(values(got)).toEqual(['next']);
  });

  it('aborts at the timeout, so that readers go on', async () => {
    const { client, reader } = await setUp();
    const hung = await client.producer({ ...transactional, transactionTimeout: 50 });
    const transaction = await hung.transaction();
    await transaction.send({ topic: 'out', messages: [{ partition: 0, value: 'hung' }] });
    const other = await client.producer();
    await other.send({ topic: 'out', messages: [{ partition: 0, value: 'behind' }] });
    const got = await reader('c', false);
    await got.until((all) => all.length === 1);
    expect(values(got)).toEqual(['behind']);
    await expect(transaction.commit()).rejects.toThrow(/old epoch/);
  });

  it('copies records exactly once through lost answers', async () => {
    const { broker, client, committed, reader } = await setUp();
    const source = await client.producer();
    const count = 20;
    await source.send({
      topic: 'in',
      messages: Array.from({ length: count }, (_, n) => ({ value: `v${n}` })),
    });
    const producer = await client.producer(transactional);
    let requests = 0;
    const heal = broker.fault(({ api }) =>
      api === 'Produce' && ++requests % 3 === 0
        ? { at: requests % 2 === 0 ? 'response' : 'request', action: 'disconnect' }
        : undefined,
    );
    for (let n = 0; n < count; n++) {
      // Without a partition kafkajs would choose another one when it repeats a request.
      const message = { partition: n % 2, value: `v${n}` };
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'out', messages: [message] });
      await transaction.sendOffsets({
        consumerGroupId: 'copy',
        topics: [{ topic: 'in', partitions: [{ partition: 0, offset: String(n + 1) }] }],
      });
      // Every third one is thought better of, and done again.
      if (n % 3 === 2) {
        await transaction.abort();
        const again = await producer.transaction();
        await again.send({ topic: 'out', messages: [message] });
        await again.commit();
      } else {
        await transaction.commit();
      }
    }
    heal();
    expect(requests).toBeGreaterThan(count);
    const got = await reader('c', false);
    await got.until((all) => all.length >= count);
    expect(new Set(values(got)).size).toBe(count);
    expect(got.got).toHaveLength(count);
    expect(await committed('copy')).toBe('20');
  });
});

describe('transactions with @platformatic/kafka', () => {
  const producerOf = (broker: { brokers: readonly string[] }, transactionalId: string) => {
    const producer = new Producer({
      clientId: 'spec',
      bootstrapBrokers: [...broker.brokers],
      serializers: stringSerializers,
      idempotent: true,
      transactionalId,
      // By default it asks for the next epoch of producer 0, which is another one's.
      producerId: -1n,
      producerEpoch: -1,
      retries: 5,
      retryDelay: 10,
    });
    onTestFinished(() => producer.close(true));
    return producer;
  };

  const consumerOf = (broker: { brokers: readonly string[] }, groupId: string) => {
    const consumer = new Consumer({
      clientId: 'spec',
      groupId,
      bootstrapBrokers: [...broker.brokers],
      deserializers: stringDeserializers,
    });
    onTestFinished(() => consumer.close(true));
    return consumer;
  };

  it('shows what is committed, and never what is aborted', async () => {
    const { broker } = await setUp();
    for (const [value, end] of [
      ['a', 'abort'],
      ['b', 'commit'],
      ['c', 'abort'],
      ['d', 'commit'],
    ] as const) {
      // Its consumer (2.12.1) leaves out only the last of a producer's aborted transactions.
      const producer = producerOf(broker, value);
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: [{ topic: 'out', partition: 0, value }] });
      await transaction[end]();
    }
    const consumer = consumerOf(broker, 'g');
    const stream = await consumer.consume({ topics: ['out'], mode: 'earliest', maxWaitTime: 50 });
    const got: string[] = [];
    for await (const { value } of stream) {
      got.push(value);
      if (got.length === 2) break;
    }
    expect(got).toEqual(['b', 'd']);
  });

  it('commits the offset of what it consumed with what it produced', async () => {
    const { broker, client, committed } = await setUp();
    await (await client.producer()).send({ topic: 'in', messages: [{ value: 'x' }] });
    const producer = producerOf(broker, 'p');
    const consumer = consumerOf(broker, 'g');
    const stream = await consumer.consume({
      topics: ['in'],
      mode: 'earliest',
      autocommit: false,
      maxWaitTime: 50,
    });
    for await (const message of stream) {
      const transaction = await producer.beginTransaction();
      await transaction.addConsumer(consumer);
      await transaction.send({ messages: [{ topic: 'out', value: message.value }] });
      await transaction.addOffset(message);
      expect(await committed('g')).toBe('-1');
      await transaction.commit();
      break;
    }
    expect(await committed('g')).toBe('1');
  });

  it('fences a producer when another one starts with its id', async () => {
    const { broker } = await setUp();
    const zombie = await producerOf(broker, 'p').beginTransaction();
    await zombie.send({ messages: [{ topic: 'out', value: 'zombie' }] });
    const next = await producerOf(broker, 'p').beginTransaction();
    await next.send({ messages: [{ topic: 'out', value: 'next' }] });
    await expect(zombie.commit()).rejects.toMatchObject({
      errors: [{ apiId: 'PRODUCER_FENCED' }],
    });
    await next.commit();
  });
});
