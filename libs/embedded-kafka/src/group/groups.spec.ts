import { describe, expect, it } from 'vitest';
import { joined, Reader, startBroker, TestClient } from '../testing/use-broker.js';

describe('consumer groups with kafkajs', () => {
  const setUp = async (options = {}) => {
    const broker = await startBroker(options);
    const client = new TestClient(broker);
    const admin = await client.admin();
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 6 }] });
    const producer = await client.producer();
    let sent = 0;
    const send = async (count: number): Promise<void> => {
      await producer.send({
        topic: 't',
        messages: Array.from({ length: count }, () => ({ key: `k${sent}`, value: `v${sent++}` })),
      });
    };
    return { broker, client, admin, send };
  };
  const distinct = (...readers: Reader[]): number =>
    new Set(readers.flatMap(({ got }) => got.map(({ value }) => value))).size;

  it('shares the partitions among three members, and again when one leaves', async () => {
    const { client, admin, send } = await setUp();
    const consumers = [];
    const readers = [new Reader(), new Reader(), new Reader()];
    for (const reader of readers) {
      const consumer = await client.consumer('g');
      const all = [...consumers.map(({ consumer: one }) => joined(one)), joined(consumer)];
      await reader.run(consumer, ['t']);
      consumers.push({ consumer, reader });
      const assigned = await Promise.all(all);
      expect(assigned.flatMap((one) => one['t'] ?? []).sort()).toEqual([0, 1, 2, 3, 4, 5]);
      expect(assigned.every((one) => one['t']?.length === 6 / consumers.length)).toBe(true);
    }
    await send(60);
    let done = (): void => {};
    const allRead = new Promise<void>((resolve) => (done = resolve));
    for (const reader of readers)
      void reader.until(() => (distinct(...readers) === 60 ? (done(), true) : false));
    await allRead;
    expect(readers.every(({ got }) => got.length > 0)).toBe(true);
    expect(readers.reduce((sum, { got }) => sum + got.length, 0)).toBe(60);

    const [first, second, third] = consumers;
    const rest = [joined(first!.consumer), joined(second!.consumer)];
    await third!.consumer.disconnect();
    const assigned = await Promise.all(rest);
    expect(assigned.flatMap((one) => one['t'] ?? []).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    const { groups } = await admin.describeGroups(['g']);
    expect(groups).toMatchObject([{ state: 'Stable', protocol: 'RoundRobinAssigner' }]);
    expect(groups[0]?.members).toHaveLength(2);
  });

  it('gives the partitions of a member that fell silent to the others', async () => {
    const { broker, client, send } = await setUp({ minSessionTimeout: 300 });
    const timing = { sessionTimeout: 300, heartbeatInterval: 50, rebalanceTimeout: 2_000 };
    const healthy = await client.consumer('g', timing);
    const reader = new Reader();
    await reader.run(healthy, ['t']);
    const sick = await new TestClient(broker, 'sick').consumer('g', {
      ...timing,
      retry: { retries: 0 },
    });
    const shared = ({ t }: Record<string, number[]>): boolean => t?.length === 3;
    const both = [joined(healthy, shared), joined(sick, shared)];
    await new Reader().run(sick, ['t']);
    await Promise.all(both);
    const alone = joined(healthy, ({ t }) => t?.length === 6);
    // From now on nothing that it sends arrives.
    broker.fault(({ clientId }) =>
      clientId === 'sick' ? { at: 'request', action: 'disconnect' } : undefined,
    );
    expect((await alone)['t']).toEqual([0, 1, 2, 3, 4, 5]);
    await send(30);
    await reader.until((all) => new Set(all.map(({ value }) => value)).size === 30);
  });

  it('goes on after the last commit, per group', async () => {
    const { client, admin, send } = await setUp();
    await send(20);
    expect(await client.read('g', ['t'], (all) => all.length === 20)).toHaveLength(20);
    const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
    expect(committed?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0)).toBe(20);
    await send(5);
    const next = await client.read('g', ['t'], (all) => all.length === 5);
    expect(next.map(({ value }) => value).sort()).toEqual(['v20', 'v21', 'v22', 'v23', 'v24']);
    expect(await client.read('h', ['t'], (all) => all.length === 25)).toHaveLength(25);
  });

  it('survives lost answers to join, sync, heartbeat and commit', async () => {
    // A first join whose answer is lost leaves an id behind that the group waits for, as in Kafka.
    const { broker, client, send } = await setUp({ minSessionTimeout: 300 });
    const lost = new Set<string>();
    broker.fault(({ api }) => {
      if (!['JoinGroup', 'SyncGroup', 'Heartbeat', 'OffsetCommit', 'Fetch'].includes(api)) {
        return undefined;
      }
      if (lost.has(api)) return undefined;
      lost.add(api);
      return { at: 'response', action: 'disconnect' };
    });
    await send(30);
    const reader = new Reader();
    await reader.run(await client.consumer('g', { sessionTimeout: 300, heartbeatInterval: 50 }), [
      't',
    ]);
    await reader.until((all) => new Set(all.map(({ value }) => value)).size === 30);
    expect([...lost]).toEqual(expect.arrayContaining(['JoinGroup', 'SyncGroup', 'Fetch']));
  });

  it('can be reset, listed and deleted', async () => {
    const { client, admin, send } = await setUp();
    await send(12);
    await client.read('g', ['t'], (all) => all.length === 12);
    await admin.setOffsets({
      groupId: 'g',
      topic: 't',
      partitions: [{ partition: 0, offset: '1' }],
    });
    const [offsets] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
    expect(offsets?.partitions.find(({ partition }) => partition === 0)?.offset).toBe('1');
    expect((await admin.listGroups()).groups).toEqual([{ groupId: 'g', protocolType: 'consumer' }]);
    const consumer = await client.consumer('g');
    const joining = joined(consumer);
    await new Reader().run(consumer, ['t']);
    await joining;
    await expect(admin.deleteGroups(['g'])).rejects.toThrow('Error in DeleteGroups');
    await consumer.disconnect();
    await admin.deleteGroups(['g']);
    expect((await admin.listGroups()).groups).toEqual([]);
    expect(await client.read('g', ['t'], (all) => all.length === 12)).toHaveLength(12);
  });

  it('refuses a session timeout below the limit', async () => {
    const { client } = await setUp();
    const consumer = await client.consumer('g', { sessionTimeout: 1_000, retry: { retries: 0 } });
    const crashed = new Promise<Error>((resolve) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error));
    });
    await consumer.subscribe({ topics: ['t'] });
    await consumer.run({ eachMessage: async () => {} }).catch(() => {});
    expect((await crashed).message).toContain('session timeout is not within the range');
  });
});
