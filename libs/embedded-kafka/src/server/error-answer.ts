import type { Endpoint } from '../cluster/nodes.js';
import { joinFailure, syncFailure } from '../group/group-member.js';
import type { Api, RequestOf, ResponseOf } from '../protocol/api.js';
import { apiVersionsApi, describeClusterApi, metadataApi } from '../protocol/apis/cluster.api.js';
import {
  alterConfigsApi,
  describeConfigsApi,
  incrementalAlterConfigsApi,
} from '../protocol/apis/config.api.js';
import { fetchApi, listOffsetsApi, offsetForLeaderEpochApi } from '../protocol/apis/fetch.api.js';
import {
  deleteGroupsApi,
  describeGroupsApi,
  listGroupsApi,
} from '../protocol/apis/group-admin.api.js';
import {
  findCoordinatorApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  syncGroupApi,
} from '../protocol/apis/membership.api.js';
import { offsetCommitApi, offsetFetchApi } from '../protocol/apis/offsets.api.js';
import { initProducerIdApi, produceApi } from '../protocol/apis/produce.api.js';
import {
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
} from '../protocol/apis/topic-admin.api.js';
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  describeTransactionsApi,
  endTxnApi,
  listTransactionsApi,
  txnOffsetCommitApi,
} from '../protocol/apis/transaction.api.js';
import type { ErrorCode } from '../protocol/error-code.js';

/** What an error answer is made of besides the request. */
interface Failure {
  readonly errorCode: ErrorCode;
  readonly version: number;
  readonly brokers: readonly Endpoint[];
}

type Build = (request: any, failure: Failure) => unknown;

const answers = new Map<number, Build>();

/** Declares how an API says that all it was asked for failed. */
function answer<A extends Api>(
  api: A,
  build: (request: RequestOf<A>, failure: Failure) => ResponseOf<A> | undefined,
): void {
  answers.set(api.key, build as Build);
}

/** An answer whose every topic says the same of each of its partitions. */
function everywhere<P, R>(
  topics: readonly { name: string; partitions: readonly P[] }[],
  failed: (partition: P) => R,
): { name: string; partitions: R[] }[] {
  return topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(failed) }));
}

const errorMessage = null;

answer(produceApi, ({ topics, acks }, { errorCode }) =>
  acks === 0
    ? undefined
    : { topics: everywhere(topics, ({ index }) => ({ index, errorCode, baseOffset: -1 })) },
);
answer(fetchApi, ({ topics }, { errorCode }) => ({
  topics: everywhere(topics, ({ index }) => ({
    index,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    abortedTransactions: null,
    records: Buffer.alloc(0),
  })),
}));
answer(listOffsetsApi, ({ topics }, { errorCode }) => ({
  topics: everywhere(topics, ({ index }) => ({ index, errorCode, timestamp: -1, offset: -1 })),
}));
answer(offsetForLeaderEpochApi, ({ topics }, { errorCode }) => ({
  topics: everywhere(topics, ({ index }) => ({
    errorCode,
    index,
    leaderEpoch: -1,
    endOffset: -1,
  })),
}));
answer(metadataApi, ({ topics }, { errorCode, brokers }) =>
  topics === null
    ? undefined
    : { brokers, topics: topics.map((one) => ({ ...one, errorCode, partitions: [] })) },
);
answer(apiVersionsApi, (_request, { errorCode }) => ({ errorCode, apis: [] }));
answer(describeClusterApi, (_request, { errorCode }) => ({
  errorCode,
  errorMessage,
  clusterId: '',
  controllerId: -1,
  brokers: [],
}));

answer(findCoordinatorApi, ({ keys }, { errorCode, version }) => {
  const nowhere = { errorCode, errorMessage, nodeId: -1, host: '', port: -1 };
  return version < 4 ? nowhere : { coordinators: keys.map((key) => ({ key, ...nowhere })) };
});
answer(joinGroupApi, ({ memberId }, { errorCode }) => joinFailure(errorCode, memberId));
answer(syncGroupApi, (_request, { errorCode }) => syncFailure(errorCode));
answer(heartbeatApi, (_request, { errorCode }) => ({ errorCode }));
answer(leaveGroupApi, (_request, { errorCode }) => ({ errorCode }));
answer(offsetCommitApi, ({ topics }, { errorCode }) => ({
  topics: everywhere(topics, ({ index }) => ({ index, errorCode })),
}));
answer(offsetFetchApi, ({ topics, groups }, { errorCode, version }) =>
  version < 8
    ? {
        errorCode,
        // Only versions 0 and 1 have no other place for it.
        topics: everywhere(topics ?? [], (index) => ({
          index,
          offset: -1,
          metadata: '',
          errorCode,
        })),
      }
    : { groups: groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })) },
);
answer(describeGroupsApi, ({ groups }, { errorCode }) => ({
  groups: groups.map((groupId) => ({
    errorCode,
    groupId,
    state: '',
    protocolType: '',
    protocol: '',
    members: [],
  })),
}));
answer(listGroupsApi, (_request, { errorCode }) => ({ errorCode, groups: [] }));
answer(deleteGroupsApi, ({ groups }, { errorCode }) => ({
  results: groups.map((groupId) => ({ groupId, errorCode })),
}));

answer(createTopicsApi, ({ topics }, { errorCode }) => ({
  topics: topics.map(({ name }) => ({ name, errorCode, errorMessage })),
}));
answer(deleteTopicsApi, ({ names }, { errorCode }) => ({
  topics: names.map((name) => ({ name, errorCode })),
}));
answer(createPartitionsApi, ({ topics }, { errorCode }) => ({
  topics: topics.map(({ name }) => ({ name, errorCode, errorMessage })),
}));
answer(deleteRecordsApi, ({ topics }, { errorCode }) => ({
  topics: everywhere(topics, ({ index }) => ({ index, lowWatermark: -1, errorCode })),
}));
answer(describeConfigsApi, ({ resources }, { errorCode }) => ({
  results: resources.map(({ type, name }) => ({
    errorCode,
    errorMessage,
    type,
    name,
    configs: [],
  })),
}));
for (const api of [alterConfigsApi, incrementalAlterConfigsApi]) {
  answer(api, ({ resources }, { errorCode }) => ({
    results: resources.map(({ type, name }) => ({ errorCode, errorMessage, type, name })),
  }));
}
answer(initProducerIdApi, (_request, { errorCode }) => ({
  errorCode,
  producerId: -1,
  producerEpoch: -1,
}));

answer(addPartitionsToTxnApi, ({ topics }, { errorCode }) => ({
  results: everywhere(topics, (index) => ({ index, errorCode })),
}));
answer(addOffsetsToTxnApi, (_request, { errorCode }) => ({ errorCode }));
answer(endTxnApi, (_request, { errorCode }) => ({ errorCode }));
answer(txnOffsetCommitApi, ({ topics }, { errorCode }) => ({
  topics: everywhere(topics, ({ index }) => ({ index, errorCode })),
}));
answer(describeTransactionsApi, ({ transactionalIds }, { errorCode }) => ({
  transactions: transactionalIds.map((transactionalId) => ({
    errorCode,
    transactionalId,
    state: '',
    timeoutMs: 0,
    startedAt: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  })),
}));
answer(listTransactionsApi, (_request, { errorCode }) => ({
  errorCode,
  unknownStates: [],
  transactions: [],
}));

/**
 * The answer that says of all a request asked for that it failed with one error.
 *
 * @returns `undefined` where an answer has no place for it
 */
export function errorAnswer(api: Api, request: unknown, failure: Failure): unknown {
  return answers.get(api.key)?.(request, failure);
}
