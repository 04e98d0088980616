import { ErrorCode } from '../protocol/error-code.js';
import { errorAnswer } from '../server/error-answer.js';
import type { Route } from '../server/route.js';
import type { Cluster } from './cluster.js';
import type { Coordinated } from './coordinators.js';

/** What a request is about that has a coordinator; APIs about several look for themselves. */
const SUBJECTS: Readonly<Record<string, readonly [kind: Coordinated, field: string]>> = {
  JoinGroup: ['group', 'groupId'],
  SyncGroup: ['group', 'groupId'],
  Heartbeat: ['group', 'groupId'],
  LeaveGroup: ['group', 'groupId'],
  OffsetCommit: ['group', 'groupId'],
  OffsetFetch: ['group', 'groupId'],
  TxnOffsetCommit: ['group', 'groupId'],
  InitProducerId: ['transaction', 'transactionalId'],
  AddPartitionsToTxn: ['transaction', 'transactionalId'],
  AddOffsetsToTxn: ['transaction', 'transactionalId'],
  EndTxn: ['transaction', 'transactionalId'],
};

/** First version of OffsetFetch that asks for several groups, each of which is looked at there. */
const SEVERAL_GROUPS_FROM = 8;

/** Lets a route answer NOT_COORDINATOR at a node that does not coordinate what it is asked about. */
export function coordinated(route: Route, cluster: Cluster): Route {
  const { api, handle } = route;
  const subject = SUBJECTS[api.name];
  if (subject === undefined) return route;
  const [kind, field] = subject;
  return {
    api,
    handle(request, call) {
      const { version, node } = call;
      const several = api.name === 'OffsetFetch' && version >= SEVERAL_GROUPS_FROM;
      const id = (request as Record<string, string | null | undefined>)[field];
      // An idempotent producer without transactions may ask any node.
      if (several || id === null || id === undefined) return handle(request, call);
      const errorCode = cluster.checkCoordinator(kind, id, node);
      if (errorCode === ErrorCode.NONE) return handle(request, call);
      return errorAnswer(api, request, { errorCode, version, brokers: cluster.nodes.live });
    },
  };
}
