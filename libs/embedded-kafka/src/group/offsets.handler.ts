import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { offsetCommitApi, offsetFetchApi } from '../protocol/apis/offsets.api.js';
import { txnOffsetCommitApi } from '../protocol/apis/transaction.api.js';
import type { RequestOf } from '../protocol/api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';

/** Longest metadata of a commit, as Kafka's offset.metadata.max.bytes. */
const MAX_METADATA_BYTES = 4_096;

/** Committing and asking for offsets. */
export function offsetRoutes(broker: Broker, log: (line: string) => void): Route[] {
  const { groups, offsets, topics, transactions, cluster } = broker;

  const commit = (
    groupId: string,
    topic: string,
    index: number,
    metadata: string | null,
    store: () => void,
  ): ErrorCode => {
    if (topics.get(topic)?.partitions[index] === undefined) {
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (Buffer.byteLength(metadata ?? '') > MAX_METADATA_BYTES) {
      return ErrorCode.OFFSET_METADATA_TOO_LARGE;
    }
    try {
      store();
      return ErrorCode.NONE;
    } catch (error) {
      log(`group ${groupId}: cannot store an offset: ${(error as Error).message}`);
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
  };

  /** Why a transaction may not commit offsets, if so. */
  const refusalOf = (request: RequestOf<typeof txnOffsetCommitApi>): ErrorCode => {
    const { transactionalId, groupId, producerId, producerEpoch, generationId } = request;
    if (groupId === '') return ErrorCode.INVALID_GROUP_ID;
    try {
      const producer = { producerId, epoch: producerEpoch };
      transactions.checkGroup(transactionalId, producer, groupId);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.errorCode === ErrorCode.PRODUCER_FENCED
        ? ErrorCode.INVALID_PRODUCER_EPOCH
        : error.errorCode;
    }
    const outside = generationId < 0;
    const group = outside ? groups.getOrCreate(groupId) : groups.get(groupId);
    const { memberId, groupInstanceId } = request;
    return (
      group?.checkTransactionalCommit(memberId, generationId, groupInstanceId) ??
      (outside ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.ILLEGAL_GENERATION)
    );
  };

  const committedOf = (
    groupId: string,
    requireStable: boolean,
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
        const unstable = requireStable && offsets.isUnstable(groupId, name, index);
        const found = unstable ? undefined : offsets.get(groupId, name, index);
        return {
          index,
          offset: found?.offset ?? -1,
          leaderEpoch: found?.leaderEpoch ?? -1,
          metadata: found?.metadata ?? '',
          errorCode: unstable ? ErrorCode.UNSTABLE_OFFSET_COMMIT : ErrorCode.NONE,
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
              refused === ErrorCode.NONE
                ? commit(groupId, name, index, committed.metadata, () =>
                    offsets.commit(groupId, name, index, committed),
                  )
                : refused,
          })),
        })),
      };
    }),

    route(txnOffsetCommitApi, (request) => {
      const { groupId, producerId } = request;
      const refused = refusalOf(request);
      return {
        topics: request.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ index, ...committed }) => {
            const pending = { producerId, group: groupId, topic: name, partition: index };
            const store = (): void => offsets.prepare({ ...pending, ...committed });
            return {
              index,
              errorCode:
                refused === ErrorCode.NONE
                  ? commit(groupId, name, index, committed.metadata, store)
                  : refused,
            };
          }),
        })),
      };
    }),

    route(
      offsetFetchApi,
      ({ groupId, topics: asked, groups: many, requireStable }, { version, node }) =>
        version < 8
          ? { topics: committedOf(groupId, requireStable, asked) }
          : {
              groups: many.map((one) => {
                const errorCode = cluster.checkCoordinator('group', one.groupId, node);
                const here = errorCode === ErrorCode.NONE;
                return {
                  groupId: one.groupId,
                  topics: here ? committedOf(one.groupId, requireStable, one.topics) : [],
                  errorCode,
                };
              }),
            },
    ),
  ];
}
