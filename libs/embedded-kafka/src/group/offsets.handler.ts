import { ErrorCode } from '../protocol/error-code.js';
import { offsetCommitApi, offsetFetchApi } from '../protocol/apis/offsets.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';

/** Longest metadata of a commit, as Kafka's offset.metadata.max.bytes. */
const MAX_METADATA_BYTES = 4_096;

/** Committing and asking for offsets. */
export function offsetRoutes(broker: Broker, log: (line: string) => void): Route[] {
  const { groups, offsets, topics, cluster } = broker;

  const commit = (
    groupId: string,
    topic: string,
    index: number,
    committed: { offset: number; leaderEpoch: number; metadata: string | null },
  ): ErrorCode => {
    if (topics.get(topic)?.partitions[index] === undefined) {
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (Buffer.byteLength(committed.metadata ?? '') > MAX_METADATA_BYTES) {
      return ErrorCode.OFFSET_METADATA_TOO_LARGE;
    }
    try {
      offsets.commit(groupId, topic, index, committed);
      return ErrorCode.NONE;
    } catch (error) {
      log(`group ${groupId}: cannot store an offset: ${(error as Error).message}`);
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
  };

  const committedOf = (
    groupId: string,
    asked: readonly { name: string; partitions: readonly number[] }[] | null,
  ) => {
    const wanted =
      asked ??
      [...offsets.of(groupId)].map(([name, partitions]) => ({
        name,
        partitions: [...partitions.keys()],
      }));
    return wanted.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((index) => {
        const found = offsets.get(groupId, name, index);
        return {
          index,
          offset: found?.offset ?? -1,
          leaderEpoch: found?.leaderEpoch ?? -1,
          metadata: found === undefined ? '' : found.metadata,
          errorCode: ErrorCode.NONE,
        };
      }),
    }));
  };

  return [
    route(offsetCommitApi, ({ groupId, memberId, generationId, groupInstanceId, topics: sent }) => {
      const outside = generationId < 0;
      const group = outside ? groups.getOrCreate(groupId) : groups.get(groupId);
      let refused: ErrorCode =
        group?.checkCommit(memberId, generationId, groupInstanceId) ??
        (outside ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.ILLEGAL_GENERATION);
      if (groupId === '') refused = ErrorCode.INVALID_GROUP_ID;
      return {
        topics: sent.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ index, ...committed }) => ({
            index,
            errorCode:
              refused === ErrorCode.NONE ? commit(groupId, name, index, committed) : refused,
          })),
        })),
      };
    }),

    route(offsetFetchApi, ({ groupId, topics: asked, groups: many }, { version, node }) =>
      version < 8
        ? { topics: committedOf(groupId, asked) }
        : {
            groups: many.map((one) => {
              const errorCode = cluster.checkCoordinator('group', one.groupId, node);
              const here = errorCode === ErrorCode.NONE;
              return {
                groupId: one.groupId,
                topics: here ? committedOf(one.groupId, one.topics) : [],
                errorCode,
              };
            }),
          },
    ),
  ];
}
