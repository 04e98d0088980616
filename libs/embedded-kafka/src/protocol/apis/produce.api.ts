import {
  array,
  int16,
  int32,
  int64,
  nullableString,
  records,
  string,
} from '../../wire/primitives.js';
import { since, struct } from '../../wire/schema.js';
import { defineApi } from '../api.js';

/** Produce; librdkafka gives up on brokers that do not advertise version 0. */
export const produceApi = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 9],
  advertisedFrom: 0,
  flexibleFrom: 9,
  request: struct({
    transactionalId: nullableString,
    acks: int16,
    timeoutMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ index: int32, records })) })),
  }),
  response: struct({
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: since(2, int64, -1),
            logStartOffset: since(5, int64, -1),
            recordErrors: since(
              8,
              array(struct({ batchIndex: int32, message: nullableString })),
              [],
            ),
            errorMessage: since(8, nullableString, null),
          }),
        ),
      }),
    ),
    throttleTimeMs: since(1, int32, 0),
  }),
});

/** Hands out producer ids for idempotent produce. */
export const initProducerIdApi = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 4],
  flexibleFrom: 2,
  request: struct({
    transactionalId: nullableString,
    transactionTimeoutMs: int32,
    producerId: since(3, int64, -1),
    producerEpoch: since(3, int16, -1),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: int16,
    producerId: int64,
    producerEpoch: int16,
  }),
});
