import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import {
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
} from '../protocol/apis/topic-admin.api.js';
import type { Broker } from '../server/broker.js';
import { NODE_ID } from '../server/broker.js';
import { route, type Route } from '../server/route.js';

/** Runs `fn`; a protocol error becomes its code, anything else ends the request. */
export function outcomeOf(fn: () => void): { errorCode: ErrorCode; errorMessage: string | null } {
  try {
    fn();
    return { errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { errorCode: error.errorCode, errorMessage: error.message };
  }
}

/** Names given more than once in a request, which Kafka refuses. */
function duplicates(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}

/** Partition numbers of manual assignments are 0, 1, 2 ..., and all on the only node. */
function checkAssignments(assignments: readonly (readonly number[])[]): void {
  for (const brokers of assignments) {
    if (brokers.length !== 1 || brokers[0] !== NODE_ID) {
      throw new ProtocolError(
        ErrorCode.INVALID_REPLICATION_FACTOR,
        `partitions can only be on node ${NODE_ID}`,
      );
    }
  }
}

/** Creating, growing and deleting topics, and deleting records. */
export function topicAdminRoutes(broker: Broker): Route[] {
  const { topics } = broker;

  return [
    route(createTopicsApi, (request) => {
      const twice = duplicates(request.topics.map(({ name }) => name));
      return {
        topics: request.topics.map(
          ({ name, partitionCount, replicationFactor, assignments, configs }) => {
            let created: { id: string; partitions: number } | undefined;
            const outcome = outcomeOf(() => {
              if (twice.has(name)) {
                throw new ProtocolError(ErrorCode.INVALID_REQUEST, `topic ${name} is named twice`);
              }
              if (assignments.length === 0 && replicationFactor !== -1 && replicationFactor !== 1) {
                throw new ProtocolError(
                  ErrorCode.INVALID_REPLICATION_FACTOR,
                  `replication factor ${replicationFactor} needs more nodes than the one there is`,
                );
              }
              checkAssignments(assignments.map(({ brokerIds }) => brokerIds));
              const set = configs.flatMap((one) =>
                one.value === null ? [] : [[one.name, one.value] as const],
              );
              created = topics.create(
                name,
                assignments.length > 0 ? assignments.length : partitionCount,
                Object.fromEntries(set),
                request.validateOnly,
              );
            });
            if (created === undefined) return { name, ...outcome };
            return {
              name,
              ...outcome,
              topicId: created.id,
              partitionCount: created.partitions,
              replicationFactor: 1,
              configs: [],
            };
          },
        ),
      };
    }),

    route(deleteTopicsApi, ({ names }) => ({
      topics: names.map((name) => ({ name, ...outcomeOf(() => topics.delete(name)) })),
    })),

    route(createPartitionsApi, (request) => ({
      topics: request.topics.map(({ name, count, assignments }) => ({
        name,
        ...outcomeOf(() => {
          checkAssignments((assignments ?? []).map(({ brokerIds }) => brokerIds));
          topics.grow(name, count, request.validateOnly);
        }),
      })),
    })),

    route(deleteRecordsApi, (request) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ index, offset }) => {
          let lowWatermark = -1;
          const { errorCode } = outcomeOf(() => {
            lowWatermark = topics.deleteRecords(name, index, offset);
          });
          return { index, lowWatermark, errorCode };
        }),
      })),
    })),
  ];
}
