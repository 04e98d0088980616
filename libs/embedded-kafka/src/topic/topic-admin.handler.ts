import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import {
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
} from '../protocol/apis/topic-admin.api.js';
import type { Broker } from '../server/broker.js';
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

/** Creating, growing and deleting topics, and deleting records. */
export function topicAdminRoutes(broker: Broker): Route[] {
  const { topics, cluster } = broker;
  const { nodes, leadership } = cluster;

  /** Checks the nodes that a client chose for each partition: known, different, equally many. */
  const checkAssignments = (
    assignments: readonly (readonly number[])[],
    copies = assignments[0]?.length,
  ): void => {
    for (const chosen of assignments) {
      const sound =
        chosen.length > 0 &&
        chosen.length === copies &&
        new Set(chosen).size === chosen.length &&
        chosen.every((node) => nodes.ids.includes(node));
      if (sound) continue;
      throw new ProtocolError(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `[${chosen.join()}]: expected ${copies} different nodes of ${nodes.ids.join()}`,
      );
    }
  };

  const checkFactor = (factor: number): void => {
    const live = nodes.live.length;
    if (factor === -1 || (factor >= 1 && factor <= live)) return;
    throw new ProtocolError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `replication factor ${factor}: expected 1 to ${live}, as many nodes are up`,
    );
  };

  /** Manual assignments in the order of their partitions, which are `from`, `from` + 1 and so on. */
  const inOrder = (
    assignments: readonly { index: number; brokerIds: readonly number[] }[],
  ): (readonly number[])[] => {
    const sorted = [...assignments].sort((a, b) => a.index - b.index);
    if (sorted.some(({ index }, at) => index !== at)) {
      throw new ProtocolError(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        'assignments are for the partitions 0, 1, 2 and so on',
      );
    }
    return sorted.map(({ brokerIds }) => brokerIds);
  };

  /** The nodes of each partition, where they are not those a topic gets by default. */
  const placed = (
    name: string,
    copies: number,
    manual: readonly (readonly number[])[],
  ): ((partitions: number) => readonly (readonly number[])[]) | undefined => {
    if (manual.length > 0) return () => manual;
    if (copies === leadership.defaultReplicas) return undefined;
    return (partitions) => leadership.spread(name, partitions, copies);
  };

  return [
    route(createTopicsApi, (request) => {
      const twice = duplicates(request.topics.map(({ name }) => name));
      return {
        topics: request.topics.map(
          ({ name, partitionCount, replicationFactor, assignments, configs }) => {
            let copies = 1;
            let created: { id: string; partitions: number } | undefined;
            const outcome = outcomeOf(() => {
              if (twice.has(name)) {
                throw new ProtocolError(ErrorCode.INVALID_REQUEST, `topic ${name} is named twice`);
              }
              const manual = inOrder(assignments);
              checkAssignments(manual);
              if (manual.length === 0) checkFactor(replicationFactor);
              const count = manual.length > 0 ? manual.length : partitionCount;
              copies = manual[0]?.length ?? replicationFactor;
              if (copies === -1) copies = leadership.defaultReplicas;
              const set = configs.flatMap((one) =>
                one.value === null ? [] : [[one.name, one.value] as const],
              );
              created = topics.create(
                name,
                count,
                Object.fromEntries(set),
                request.validateOnly,
                placed(name, copies, manual),
              );
            });
            if (created === undefined) return { name, ...outcome };
            return {
              name,
              ...outcome,
              topicId: created.id,
              partitionCount: created.partitions,
              replicationFactor: copies,
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
          const manual = assignments?.map(({ brokerIds }) => brokerIds);
          const topic = topics.get(name);
          if (manual !== undefined && topic !== undefined) {
            checkAssignments(manual, leadership.of(topic, 0).replicas.length);
            if (manual.length !== count - topic.partitions.length) {
              throw new ProtocolError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                `${manual.length} assignments for ${count - topic.partitions.length} new partitions`,
              );
            }
          }
          topics.grow(name, count, request.validateOnly, manual);
        }),
      })),
    })),

    route(deleteRecordsApi, (request, { node }) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ index, offset }) => {
          let lowWatermark = -1;
          const { errorCode } = outcomeOf(() => {
            const topic = topics.get(name);
            if (topic?.partitions[index] !== undefined) leadership.check(topic, index, node);
            lowWatermark = topics.deleteRecords(name, index, offset);
          });
          return { index, lowWatermark, errorCode };
        }),
      })),
    })),
  ];
}
