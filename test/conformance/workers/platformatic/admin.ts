import {
  Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
} from '@platformatic/kafka';
import type { Connection } from '../../port/operations.js';
import type { Served } from '../serve.js';
import { optionsOf } from './connect.js';

const NONE = -1n;
/** Source of a config nobody set. */
const DEFAULT_CONFIG = 5;

/** Topics, configs and groups with the admin client of @platformatic/kafka. */
export function adminOperations(): Served {
  let plain: Admin | undefined;
  const admin = (): Admin => (plain ??= new Admin(optionsOf({})));

  async function once<T>(connection: Connection, use: (admin: Admin) => Promise<T>): Promise<T> {
    if (connection.listener !== 'sasl') return use(admin());
    return alone(connection, use);
  }

  async function alone<T>(connection: Connection, use: (admin: Admin) => Promise<T>): Promise<T> {
    const opened = new Admin(optionsOf(connection));
    try {
      return await use(opened);
    } finally {
      await opened.close();
    }
  }

  const metadataOf = async (topic: string) => {
    const { topics } = await admin().metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)!;
  };

  return {
    listTopics: (connection) => once(connection, async (it) => ({ topics: await it.listTopics() })),
    createTopic: async ({ topic, partitions, replicationFactor, configs }) => {
      await admin().createTopics({
        topics: [topic],
        partitions: partitions ?? -1,
        replicas: replicationFactor ?? 1,
        configs: Object.entries(configs ?? {}).map(([name, value]) => ({ name, value })),
      });
      return {};
    },
    deleteTopic: async ({ topic }) => {
      await admin().deleteTopics({ topics: [topic] });
      return {};
    },
    describeTopic: async ({ topic }) => {
      const { partitionsCount, partitions } = await metadataOf(topic);
      return { partitions: partitionsCount, replicas: partitions[0]!.replicas.length };
    },
    createPartitions: async ({ topic, total }) => {
      const topics = [{ name: topic, count: total, assignments: null }];
      // An admin that creates partitions sends no second request meanwhile, whatever the topic: the
      // second caller gets the answer to the first.
      await alone({}, (it) => it.createPartitions({ topics }));
      return {};
    },
    deleteRecords: async ({ topic, partition, before }) => {
      const partitions = [{ partition, offset: BigInt(before) }];
      await admin().deleteRecords({ topics: [{ name: topic, partitions }] });
      return {};
    },
    listOffset: async ({ topic, partition, at, isolation }) => {
      const timestamp = {
        earliest: ListOffsetTimestamps.EARLIEST,
        latest: ListOffsetTimestamps.LATEST,
        'max-timestamp': -3n,
      };
      const [found] = await admin().listOffsets({
        isolationLevel: isolation === 'read_committed' ? 1 : 0,
        topics: [
          {
            name: topic,
            partitions: [
              {
                partitionIndex: partition,
                timestamp:
                  typeof at === 'object' ? BigInt(at.timestamp) : timestamp[at as 'earliest'],
              },
            ],
          },
        ],
      });
      const offset = found!.partitions[0]!.offset;
      return { offset: offset === NONE ? null : Number(offset) };
    },
    describeConfigs: async ({ type, name }) => {
      const [described] = await admin().describeConfigs({
        resources: [
          {
            resourceType: type === 'topic' ? ConfigResourceTypes.TOPIC : ConfigResourceTypes.BROKER,
            resourceName: name,
          },
        ],
      });
      return {
        configs: Object.fromEntries(
          described!.configs.map((config) => [
            config.name,
            { value: config.value ?? null, isDefault: config.configSource === DEFAULT_CONFIG },
          ]),
        ),
      };
    },
    alterConfigs: async ({ topic, configs }) => {
      await admin().alterConfigs({
        resources: [
          {
            resourceType: ConfigResourceTypes.TOPIC,
            resourceName: topic,
            configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
          },
        ],
      });
      return {};
    },
    incrementalAlterConfigs: async ({ topic, set, unset }) => {
      const { SET, DELETE } = IncrementalAlterConfigOperationTypes;
      await admin().incrementalAlterConfigs({
        resources: [
          {
            resourceType: ConfigResourceTypes.TOPIC,
            resourceName: topic,
            configs: [
              ...Object.entries(set ?? {}).map(([name, value]) => ({
                name,
                value,
                configOperation: SET,
              })),
              ...(unset ?? []).map((name) => ({ name, value: null, configOperation: DELETE })),
            ],
          },
        ],
      });
      return {};
    },
    listGroups: async () => ({ groups: [...(await admin().listGroups()).keys()] }),
    describeGroup: async ({ group }) => {
      const described = (await admin().describeGroups({ groups: [group] })).get(group)!;
      const state = described.state.toLowerCase().replace(/^./, (first) => first.toUpperCase());
      return {
        state,
        protocol: described.protocol,
        members: [...described.members.values()].map(
          ({ clientId, groupInstanceId, assignments }) => ({
            clientId,
            instanceId: groupInstanceId ?? null,
            assignment: Object.fromEntries(
              [...(assignments?.values() ?? [])].map(({ topic, partitions }) => [
                topic,
                partitions.toSorted((a, b) => a - b),
              ]),
            ),
          }),
        ),
      };
    },
    deleteGroup: async ({ group }) => {
      await admin().deleteGroups({ groups: [group] });
      return {};
    },
    groupOffsets: async ({ group, topic, partitions }) => {
      const partitionIndexes = Array.from({ length: partitions }, (_, index) => index);
      const [found] = await admin().listConsumerGroupOffsets({
        groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }],
      });
      const committed = found?.topics[0]?.partitions ?? [];
      const all = partitionIndexes.map((index) =>
        committed.find(({ partitionIndex }) => partitionIndex === index),
      );
      return {
        offsets: all.map((each) =>
          each === undefined || each.committedOffset === NONE ? null : Number(each.committedOffset),
        ),
        metadata: all.map((each) => each?.metadata ?? null),
      };
    },
    alterGroupOffsets: async ({ group, offsets }) => {
      await admin().alterConsumerGroupOffsets({
        groupId: group,
        topics: offsets.map(({ topic, partition, offset }) => ({
          name: topic,
          partitionOffsets: [{ partition, offset: BigInt(offset) }],
        })),
      });
      return {};
    },
    deleteGroupOffsets: async ({ group, topic, partitions }) => {
      await admin().deleteConsumerGroupOffsets({
        groupId: group,
        topics: [{ name: topic, partitionIndexes: partitions }],
      });
      return {};
    },
  };
}
