import {
  Consumer as PlatformaticConsumer,
  Producer as PlatformaticProducer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Reader, TestClient, joined, startBroker } from '../testing/use-broker.js';

const set = async () => {
  const broker = await startBroker({ nodes: 3, minSessionTimeout: 1_000 });
  const client = new TestClient(broker);
  const admin = await client.admin();
  await admin.createTopics({ topics: [{ topic: 't', numPartitions: 6, replicationFactor: 3 }] });
  return { broker, client, admin, faults: broker.faults };
};

const values = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `v${from + n}`);
const inOrder = (all: readonly { value: string; partition: number }[]): boolean => {
  const last = new Map<number, number>();
  return all.every(({ value, partition }) => {
    const number = Number(value.slice(1));
    const fits = number > (last.get(partition) ?? -1);
    last.set(partition, number);
    return fits;
  });
};

describe('kafkajs on three virtual nodes', () => {
  it('sees them, and produces and consumes at all', async () => {
    const { client, admin } = await set();
    const cluster = await admin.describeCluster();
    expect(cluster.brokers).toHaveLength(3);
    expect(cluster.controller).toBe(1);
    const producer = await client.producer();
    const messages = values(60).map((value, n) => ({ value, partition: n % 6 }));
    await producer.send({ topic: 't', messages });
    expect(await client.read('g', ['t'], ({ length }) => length === 60)).toHaveLength(60);
    expect((await admin.listGroups()).groups).toEqual([{ groupId: 'g', protocolType: 'consumer' }]);
    const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
    expect(committed?.partitions.map(({ offset }) => offset)).toEqual(Array(6).fill('10'));
    await admin.deleteGroups(['g']);
  });

  it('stores each record once and in order while leaders move and nodes fail', async () => {
    const { client, faults } = await set();
    const producer = await client.producer({ idempotent: true, maxInFlightRequests: 1 });
    const changes: [number, () => unknown][] = [
      [10, () => [0, 1, 2, 3, 4, 5].map((partition) => faults.moveLeader('t', partition))],
      [20, () => faults.stopNode(1)],
      [30, () => [0, 1, 2, 3, 4, 5].map((partition) => faults.moveLeader('t', partition))],
      [40, () => faults.startNode(1)],
      [45, () => faults.disconnect()],
      [50, () => faults.stopNode(2)],
    ];
    for (let n = 0; n < 60; n++) {
      for (const [at, change] of changes) if (at === n) await change();
      await producer.send({ topic: 't', messages: [{ value: `v${n}`, partition: n % 6 }] });
    }
    const got = await client.read('g', ['t'], ({ length }) => length >= 60);
    expect(got.map(({ value }) => value).sort()).toEqual(values(60).sort());
    expect(inOrder(got)).toBe(true);
  });

  it('goes on consuming where it was while coordinators and leaders move', async () => {
    const { client, faults } = await set();
    // It asks a dead node over and over before it looks where its group is now, and comes back as a
    // new member, which waits for the session of the old one.
    const consumer = await client.consumer('g', {
      sessionTimeout: 1_000,
      retry: { initialRetryTime: 10, maxRetryTime: 50, retries: 3 },
    });
    const reader = new Reader();
    const first = joined(consumer);
    await reader.run(consumer, ['t']);
    await first;
    const producer = await client.producer({ idempotent: true, maxInFlightRequests: 1 });
    const send = async (from: number): Promise<void> => {
      // One by one: of a batch for several nodes kafkajs forgets those partitions whose node fails
      // and whose next leader has answered already.
      for (const [n, value] of values(12, from).entries()) {
        await producer.send({ topic: 't', messages: [{ value, partition: n % 6 }] });
      }
      const wanted = from + 12;
      await reader.until((all) => new Set(all.map(({ value }) => value)).size === wanted);
    };
    await send(0);
    expect(faults.moveCoordinator('g')).toBe(faults.coordinatorOf('g'));
    await send(12);
    for (const partition of [0, 1, 2, 3, 4, 5]) faults.moveLeader('t', partition);
    await send(24);
    await faults.stopNode(faults.coordinatorOf('g'));
    await send(36);
    await faults.healAll();
    await send(48);
  });
});

describe('@platformatic/kafka on three virtual nodes', () => {
  it('produces and consumes while leaders, coordinators and nodes change', async () => {
    const { broker, faults } = await set();
    const options = {
      clientId: 'spec',
      bootstrapBrokers: [...broker.brokers],
      retries: 20,
      retryDelay: 50,
    };
    const producer = new PlatformaticProducer({
      ...options,
      serializers: stringSerializers,
      idempotent: true,
    });
    onTestFinished(() => producer.close());
    const consumer = new PlatformaticConsumer({
      ...options,
      groupId: 'g',
      deserializers: stringDeserializers,
    });
    onTestFinished(() => consumer.close(true));
    const stream = await consumer.consume({ topics: ['t'], mode: 'earliest', maxWaitTime: 50 });
    const seen = new Set<string>();
    const got = stream[Symbol.asyncIterator]();
    const changes: (() => unknown)[] = [
      () => {},
      () => [0, 1, 2, 3, 4, 5].map((partition) => faults.moveLeader('t', partition)),
      () => faults.moveCoordinator('g'),
      () => faults.stopNode(faults.coordinatorOf('g')),
    ];
    for (const [round, change] of changes.entries()) {
      await change();
      const messages = values(12, round * 12).map((value, n) => ({
        topic: 't',
        partition: n % 6,
        value,
      }));
      await producer.send({ messages, acks: -1 });
      while (seen.size < (round + 1) * 12) {
        const next = await got.next();
        seen.add((next.value as { value: string }).value);
      }
    }
    expect(seen).toEqual(new Set(values(48)));
  });
});
