import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { apiVersionsApi, describeClusterApi, metadataApi } from '../protocol/apis/cluster.api.js';
import type { Topic } from '../topic/topic-store.js';
import { NO_UUID } from '../wire/primitives.js';
import type { Broker } from './broker.js';
import { advertised } from './request-dispatcher.js';
import { route, type Route } from './route.js';

/** What the broker is and has. `served` lists all routes for ApiVersions. */
export function clusterRoutes(broker: Broker, served: () => readonly Route[]): Route[] {
  const { nodes, leadership } = broker.cluster;

  const described = (topic: Topic) => ({
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.map((_log, index) => {
      const placement = leadership.of(topic, index);
      const { leader, epoch, replicas } = placement;
      const inSyncReplicas = leadership.inSync(placement);
      return {
        errorCode: leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
        index,
        leaderId: leader,
        leaderEpoch: epoch,
        replicas,
        inSyncReplicas,
        offlineReplicas: replicas.filter((node) => !inSyncReplicas.includes(node)),
      };
    }),
  });

  /** A topic asked for by name, made if that is wanted by both sides. */
  const byName = (name: string, mayCreate: boolean) => {
    try {
      if (broker.topics.get(name) === undefined && mayCreate && broker.options.autoCreateTopics) {
        broker.topics.create(name, -1, {});
      }
      const topic = broker.topics.get(name);
      if (topic !== undefined) return described(topic);
      return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { errorCode: error.errorCode, name, partitions: [] };
    }
  };

  const byId = (topicId: string) => {
    const topic = broker.topics.all().find(({ id }) => id === topicId);
    if (topic !== undefined) return described(topic);
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId, partitions: [] };
  };

  return [
    route(apiVersionsApi, () => ({
      errorCode: ErrorCode.NONE,
      apis: served().map(({ api }) => advertised(api)),
    })),

    route(metadataApi, ({ topics, allowAutoTopicCreation }, { version }) => {
      const all = topics === null || (version === 0 && topics.length === 0);
      return {
        brokers: nodes.live,
        clusterId: broker.clusterId,
        controllerId: nodes.controllerId,
        topics: all
          ? broker.topics.all().map(described)
          : topics.map(({ name, topicId }) =>
              name === null && topicId !== NO_UUID
                ? byId(topicId)
                : byName(name ?? '', allowAutoTopicCreation),
            ),
      };
    }),

    route(describeClusterApi, () => ({
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      clusterId: broker.clusterId,
      controllerId: nodes.controllerId,
      brokers: nodes.live.map((endpoint) => ({ ...endpoint, rack: null })),
    })),
  ];
}
