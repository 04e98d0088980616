import { array, bool, int16, int32, int64, nullableString, string } from '../../wire/primitives.js';
import { since, struct } from '../../wire/schema.js';
import { defineApi } from '../api.js';

/** Tells the coordinator of partitions before a transaction writes to them. */
export const addPartitionsToTxnApi = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 3],
  flexibleFrom: 3,
  request: struct({
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    topics: array(struct({ name: string, partitions: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    results: array(
      struct({ name: string, partitions: array(struct({ index: int32, errorCode: int16 })) }),
    ),
  }),
});

/** Tells the coordinator of a group before a transaction commits offsets for it. */
export const addOffsetsToTxnApi = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 3],
  flexibleFrom: 3,
  request: struct({
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  }),
  response: struct({ throttleTimeMs: since(0, int32, 0), errorCode: int16 }),
});

export const endTxnApi = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 3],
  flexibleFrom: 3,
  request: struct({
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: bool,
  }),
  response: struct({ throttleTimeMs: since(0, int32, 0), errorCode: int16 }),
});

/** Offsets that count when the transaction commits; version 3 names the member (KIP-447). */
export const txnOffsetCommitApi = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 3],
  flexibleFrom: 3,
  request: struct({
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: since(3, int32, -1),
    memberId: since(3, string, ''),
    groupInstanceId: since(3, nullableString, null),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            offset: int64,
            leaderEpoch: since(2, int32, -1),
            metadata: nullableString,
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: array(
      struct({ name: string, partitions: array(struct({ index: int32, errorCode: int16 })) }),
    ),
  }),
});

/** What an administrator sees of transactional ids (KIP-664). */
export const describeTransactionsApi = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({ transactionalIds: array(string) }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    transactions: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        state: string,
        timeoutMs: int32,
        startedAt: int64,
        producerId: int64,
        producerEpoch: int16,
        topics: array(struct({ name: string, partitions: array(int32) })),
      }),
    ),
  }),
});

export const listTransactionsApi = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    states: array(string),
    producerIds: array(int64),
    minDurationMs: since(1, int64, -1),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: int16,
    unknownStates: array(string),
    transactions: array(struct({ transactionalId: string, producerId: int64, state: string })),
  }),
});
