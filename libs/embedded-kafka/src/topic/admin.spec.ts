import { ConfigResourceTypes } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { startBroker, TestClient } from '../testing/use-broker.js';

describe('administration with kafkajs', () => {
  const setUp = async () => {
    const broker = await startBroker();
    const client = new TestClient(broker);
    return { broker, client, admin: await client.admin() };
  };

  it('describes the cluster', async () => {
    const { broker, admin } = await setUp();
    const cluster = await admin.describeCluster();
    expect(cluster).toMatchObject({
      brokers: [{ nodeId: 1, host: '127.0.0.1', port: broker.port }],
      controller: 1,
    });
    expect(cluster.clusterId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('creates, lists, grows and deletes topics', async () => {
    const { admin } = await setUp();
    const topics = [{ topic: 'a', numPartitions: 2 }, { topic: 'b' }];
    expect(await admin.createTopics({ topics })).toBe(true);
    expect(await admin.createTopics({ topics })).toBe(false);
    const dry = { topics: [{ topic: 'dry' }], validateOnly: true, waitForLeaders: false };
    expect(await admin.createTopics(dry)).toBe(true);
    expect(await admin.listTopics()).toEqual(['a', 'b']);
    await admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 5 }] });
    const metadata = await admin.fetchTopicMetadata({ topics: ['a'] });
    expect(metadata.topics[0]?.partitions.map(({ partitionId }) => partitionId)).toEqual([
      0, 1, 2, 3, 4,
    ]);
    await expect(
      admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 1 }] }),
    ).rejects.toThrow(/partitions/);
    await admin.deleteTopics({ topics: ['a'] });
    expect(await admin.listTopics()).toEqual(['b']);
    await expect(admin.fetchTopicMetadata({ topics: ['a'] })).rejects.toThrow(
      'does not host this topic-partition',
    );
  });

  it.each([
    [{ topic: 'a b' }, /invalid topic/],
    [{ topic: 'a', replicationFactor: 3 }, /Replication-?factor/i],
    [{ topic: 'a', numPartitions: 0 }, /partitions/],
    [{ topic: 'a', configEntries: [{ name: 'nope', value: '1' }] }, /Configuration is invalid/],
    [
      { topic: 'a', configEntries: [{ name: 'cleanup.policy', value: 'compact' }] },
      /Configuration/,
    ],
    [
      { topic: 'a', replicaAssignment: [{ partition: 0, replicas: [1, 2] }] },
      /Replica assignment is invalid/,
    ],
  ])('refuses to create %j', async (topic, message) => {
    const { admin } = await setUp();
    const error = (await admin
      .createTopics({ topics: [topic] })
      .catch((thrown) => thrown)) as Error & {
      errors?: Error[];
    };
    expect(error.errors?.[0]?.message ?? error.message).toMatch(message);
  });

  it('describes and alters configs', async () => {
    const { admin } = await setUp();
    await admin.createTopics({
      topics: [{ topic: 'a', configEntries: [{ name: 'retention.ms', value: '1000' }] }],
    });
    const valueOf = async (name: string): Promise<string | undefined> => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: true,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: 'a' }],
      });
      return resources[0]?.configEntries.find((entry) => entry.configName === name)?.configValue;
    };
    expect(await valueOf('retention.ms')).toBe('1000');
    expect(await valueOf('cleanup.policy')).toBe('delete');
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: 'a',
          configEntries: [{ name: 'segment.bytes', value: '2048' }],
        },
      ],
    });
    expect(await valueOf('segment.bytes')).toBe('2048');
    expect(await valueOf('retention.ms')).toBe('604800000');
    await expect(
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: ConfigResourceTypes.TOPIC,
            name: 'a',
            configEntries: [{ name: 'segment.bytes', value: 'big' }],
          },
        ],
      }),
    ).rejects.toThrow(/Configuration is invalid/);
  });

  it('finds offsets by time', async () => {
    const { client, admin } = await setUp();
    await admin.createTopics({ topics: [{ topic: 'a' }] });
    const producer = await client.producer();
    for (const timestamp of ['1000', '2000', '3000']) {
      await producer.send({ topic: 'a', messages: [{ value: 'x', timestamp }] });
    }
    expect(await admin.fetchTopicOffsetsByTimestamp('a', 1_500)).toEqual([
      { partition: 0, offset: '1' },
    ]);
    expect(await admin.fetchTopicOffsets('a')).toEqual([
      { partition: 0, offset: '3', high: '3', low: '0' },
    ]);
  });

  it('deletes records', async () => {
    const { client, admin } = await setUp();
    await admin.createTopics({ topics: [{ topic: 'a' }] });
    const producer = await client.producer();
    for (let n = 0; n < 5; n++) await producer.send({ topic: 'a', messages: [{ value: `v${n}` }] });
    // kafkajs looks for the leaders before it has any metadata; another call fetches them.
    expect((await admin.fetchTopicOffsets('a'))[0]).toMatchObject({ low: '0', high: '5' });
    await admin.deleteTopicRecords({ topic: 'a', partitions: [{ partition: 0, offset: '3' }] });
    expect((await admin.fetchTopicOffsets('a'))[0]).toMatchObject({ low: '3', high: '5' });
    const got = await client.read('g', ['a'], (all) => all.length === 2);
    expect(got.map(({ value }) => value)).toEqual(['v3', 'v4']);
  });
});
