import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import type { Connection } from '../../port/operations.js';
import type { Served } from '../serve.js';

// kafkajs is CommonJS: values come by its default export.
const { ConfigResourceTypes } = kafkajs;
const NONE = '-1';

/** Topics, configs and groups with kafkajs's admin client. */
export function adminOperations(connect: (connection: Connection) => Kafka): Served {
  let plain: Promise<Admin> | undefined;
  const admin = (): Promise<Admin> => (plain ??= open({}));

  async function open(connection: Connection): Promise<Admin> {
    const opened = connect(connection).admin();
    await opened.connect();
    return opened;
  }

  async function once<T>(connection: Connection, use: (admin: Admin) => Promise<T>): Promise<T> {
    if (connection.listener !== 'sasl') return use(await admin());
    const opened = connect(connection).admin();
    try {
      await opened.connect();
      return await use(opened);
    } finally {
      await opened.disconnect();
    }
  }

  return {
    describeCluster: (connection) =>
      once(connection, async (it) => {
        const { brokers, controller } = await it.describeCluster();
        return {
          nodes: brokers.length,
          controller: brokers.some(({ nodeId }) => nodeId === controller),
        };
      }),
    listTopics: (connection) => once(connection, async (it) => ({ topics: await it.listTopics() })),
    createTopic: async ({ topic, partitions, replicationFactor, configs, validateOnly }) => {
      const created = await (
        await admin()
      ).createTopics({
        topics: [
          {
            topic,
            numPartitions: partitions ?? -1,
            replicationFactor: replicationFactor ?? 1,
            configEntries: Object.entries(configs ?? {}).map(([name, value]) => ({ name, value })),
          },
        ],
        validateOnly: validateOnly ?? false,
        waitForLeaders: validateOnly !== true,
      });
      // All that kafkajs tells of a topic that exists; a validated one is not said to be created.
      if (!created) throw Object.assign(new Error(topic), { type: 'TOPIC_ALREADY_EXISTS' });
      return {};
    },
    deleteTopic: async ({ topic }) => {
      await (await admin()).deleteTopics({ topics: [topic] });
      return {};
    },
    describeTopic: async ({ topic }) => {
      const { topics } = await (await admin()).fetchTopicMetadata({ topics: [topic] });
      const partitions = topics[0]?.partitions ?? [];
      return { partitions: partitions.length, replicas: partitions[0]?.replicas.length ?? 0 };
    },
    createPartitions: async ({ topic, total }) => {
      await (await admin()).createPartitions({ topicPartitions: [{ topic, count: total }] });
      return {};
    },
    // No deleteRecords: kafkajs 2.2.4's fails on every topic, with `Error while deleting records`.
    listOffset: async ({ topic, partition, at }) => {
      const it = await admin();
      if (typeof at === 'object') {
        const found = await it.fetchTopicOffsetsByTimestamp(topic, at.timestamp);
        const offset = found.find((each) => each.partition === partition)?.offset ?? NONE;
        return { offset: offset === NONE ? null : Number(offset) };
      }
      const found = await it.fetchTopicOffsets(topic);
      const offsets = found.find((each) => each.partition === partition);
      return { offset: Number(at === 'earliest' ? offsets?.low : offsets?.high) };
    },
    describeConfigs: async ({ type, name }) => {
      const { resources } = await (
        await admin()
      ).describeConfigs({
        includeSynonyms: false,
        resources: [
          { type: type === 'topic' ? ConfigResourceTypes.TOPIC : ConfigResourceTypes.BROKER, name },
        ],
      });
      const entries = resources[0]?.configEntries ?? [];
      return {
        configs: Object.fromEntries(
          entries.map(({ configName, configValue, configSource }) => [
            configName,
            // 5: the source is the default; kafkajs leaves `isDefault` empty for newer versions.
            { value: configValue, isDefault: Number(configSource) === 5 },
          ]),
        ),
      };
    },
    alterConfigs: async ({ topic, configs }) => {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      await (
        await admin()
      ).alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      });
      return {};
    },
    listGroups: async () => {
      const { groups } = await (await admin()).listGroups();
      return { groups: groups.map(({ groupId }) => groupId) };
    },
    describeGroup: async ({ group }) => {
      const described = (await (await admin()).describeGroups([group])).groups[0]!;
      return {
        state: described.state,
        protocol: described.protocol,
        members: described.members.map(({ clientId }) => ({
          clientId,
          instanceId: null,
          assignment: null,
        })),
      };
    },
    deleteGroup: async ({ group }) => {
      await (await admin()).deleteGroups([group]);
      return {};
    },
    groupOffsets: async ({ group, topic, partitions }) => {
      const [found] = await (await admin()).fetchOffsets({ groupId: group, topics: [topic] });
      const of = (partition: number) =>
        found?.partitions.find((each) => each.partition === partition);
      const all = Array.from({ length: partitions }, (_, partition) => of(partition));
      return {
        offsets: all.map((each) =>
          each === undefined || each.offset === NONE ? null : Number(each.offset),
        ),
        metadata: all.map((each) => each?.metadata ?? null),
      };
    },
    alterGroupOffsets: async ({ group, offsets }) => {
      for (const { topic, partition, offset } of offsets) {
        await (
          await admin()
        ).setOffsets({
          groupId: group,
          topic,
          partitions: [{ partition, offset: String(offset) }],
        });
      }
      return {};
    },
  };
}
