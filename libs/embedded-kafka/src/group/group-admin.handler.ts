import { ErrorCode } from '../protocol/error-code.js';
import {
  deleteGroupsApi,
  describeGroupsApi,
  listGroupsApi,
} from '../protocol/apis/group-admin.api.js';
import type { Broker } from '../server/broker.js';
import { route, type Route } from '../server/route.js';
import type { ConsumerGroup } from './consumer-group.js';
import { NO_ASSIGNMENT } from './group-member.js';

/** What groups made only by committing offsets count as. */
const DEFAULT_TYPE = 'consumer';

/** Groups as an administrator sees them. */
export function groupAdminRoutes(broker: Broker): Route[] {
  const { groups, offsets, cluster } = broker;

  const described = (group: ConsumerGroup) => ({
    errorCode: ErrorCode.NONE,
    groupId: group.id,
    state: group.state,
    protocolType: group.protocolType ?? DEFAULT_TYPE,
    protocol: group.state === 'Stable' ? (group.protocol ?? '') : '',
    members: group.members.map((member) => ({
      memberId: member.id,
      groupInstanceId: member.facts.groupInstanceId,
      clientId: member.facts.clientId,
      clientHost: `/${member.facts.clientHost}`,
      metadata: member.metadataFor(group.protocol ?? '') ?? NO_ASSIGNMENT,
      assignment: member.assignment,
    })),
  });

  const remove = (id: string, node: number): ErrorCode => {
    const misplaced = cluster.checkCoordinator('group', id, node);
    if (misplaced !== ErrorCode.NONE) return misplaced;
    const group = groups.get(id);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (!group.isEmpty) return ErrorCode.NON_EMPTY_GROUP;
    offsets.deleteGroup(id);
    groups.delete(id);
    return ErrorCode.NONE;
  };

  return [
    route(describeGroupsApi, (request, { node, version }) => ({
      groups: request.groups.map((id) => {
        const misplaced = cluster.checkCoordinator('group', id, node);
        const group = groups.get(id);
        if (group !== undefined && misplaced === ErrorCode.NONE) return described(group);
        // Before version 6 (KIP-1043) Kafka answers without error for a group that never was.
        const unknown = version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE;
        return {
          errorCode: misplaced === ErrorCode.NONE ? unknown : misplaced,
          groupId: id,
          state: misplaced === ErrorCode.NONE ? 'Dead' : '',
          protocolType: '',
          protocol: '',
          members: [],
        };
      }),
    })),

    route(listGroupsApi, ({ states }, { node }) => ({
      errorCode: ErrorCode.NONE,
      groups: groups
        .all()
        .filter(({ id }) => cluster.coordinatorOf('group', id) === node)
        .filter(({ state }) => states.length === 0 || states.includes(state))
        .map(({ id, protocolType, state }) => ({
          groupId: id,
          protocolType: protocolType ?? DEFAULT_TYPE,
          state,
        })),
    })),

    route(deleteGroupsApi, (request, { node }) => ({
      results: request.groups.map((groupId) => ({ groupId, errorCode: remove(groupId, node) })),
    })),
  ];
}
