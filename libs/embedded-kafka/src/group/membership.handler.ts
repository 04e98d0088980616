import { ErrorCode } from '../protocol/error-code.js';
import {
  findCoordinatorApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  syncGroupApi,
} from '../protocol/apis/membership.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import { joinFailure, syncFailure } from './group-member.js';

/** Longest session timeout, as Kafka's group.max.session.timeout.ms. */
const MAX_SESSION_MS = 1_800_000;
/** Key types in FindCoordinator. */
const GROUP = 0;
const TRANSACTION = 1;
/** First version in which a new member is given its id before it joins (KIP-394). */
const KNOWN_ID_FROM = 4;

/** How clients find their coordinator, and how members join, keep and leave their group. */
export function membershipRoutes(broker: Broker): Route[] {
  const { groups, options, cluster } = broker;

  const refused = (errorCode: ErrorCode, errorMessage: string) => ({
    errorCode,
    errorMessage,
    nodeId: -1,
    host: '',
    port: -1,
  });

  return [
    route(findCoordinatorApi, ({ key, keyType, keys }, { version }) => {
      const found = (one: string) => {
        if (keyType !== GROUP && keyType !== TRANSACTION) {
          return refused(ErrorCode.INVALID_REQUEST, `key type ${keyType} is not served`);
        }
        if (one === '' && keyType === GROUP) {
          return refused(ErrorCode.INVALID_GROUP_ID, 'the group id is empty');
        }
        const node = cluster.coordinatorOf(keyType === GROUP ? 'group' : 'transaction', one);
        const endpoint = cluster.nodes.endpoint(node);
        if (endpoint === undefined) {
          return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE, 'no node is up');
        }
        return { ...endpoint, errorCode: ErrorCode.NONE, errorMessage: null };
      };
      return version < 4
        ? found(key)
        : { coordinators: keys.map((one) => ({ key: one, ...found(one) })) };
    }),

    route(joinGroupApi, async (request, { version, clientId, clientHost }) => {
      const { groupId, memberId, sessionTimeoutMs, rebalanceTimeoutMs } = request;
      if (groupId === '') return joinFailure(ErrorCode.INVALID_GROUP_ID, memberId);
      if (sessionTimeoutMs < options.minSessionTimeout || sessionTimeoutMs > MAX_SESSION_MS) {
        return joinFailure(ErrorCode.INVALID_SESSION_TIMEOUT, memberId);
      }
      const group = memberId === '' ? groups.getOrCreate(groupId) : groups.get(groupId);
      if (group === undefined) {
        return joinFailure(
          memberId === '' ? ErrorCode.GROUP_MAX_SIZE_REACHED : ErrorCode.UNKNOWN_MEMBER_ID,
          memberId,
        );
      }
      return group.join({
        ...request,
        clientId,
        clientHost,
        rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
        requiresKnownId: version >= KNOWN_ID_FROM,
      });
    }),

    route(syncGroupApi, async (request) => {
      const { groupId, memberId, generationId, groupInstanceId, assignments } = request;
      const group = groups.get(groupId);
      if (group === undefined) return syncFailure(ErrorCode.UNKNOWN_MEMBER_ID);
      return group.sync(memberId, generationId, groupInstanceId, assignments, request);
    }),

    route(heartbeatApi, ({ groupId, memberId, generationId, groupInstanceId }) => ({
      errorCode:
        groups.get(groupId)?.heartbeat(memberId, generationId, groupInstanceId) ??
        ErrorCode.UNKNOWN_MEMBER_ID,
    })),

    route(leaveGroupApi, ({ groupId, memberId, members }, { version }) => {
      const leave = (id: string, instance: string | null): ErrorCode =>
        groups.get(groupId)?.leave(id, instance) ?? ErrorCode.UNKNOWN_MEMBER_ID;
      if (version < 3) return { errorCode: leave(memberId, null) };
      return {
        errorCode: ErrorCode.NONE,
        members: members.map((one) => ({
          memberId: one.memberId,
          groupInstanceId: one.groupInstanceId,
          errorCode: leave(one.memberId, one.groupInstanceId),
        })),
      };
    }),
  ];
}
