import {
  NO_UUID,
  array,
  bool,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableString,
  string,
  uuid,
} from '../../wire/primitives.js';
import { since, struct, tagged } from '../../wire/schema.js';
import { defineApi } from '../api.js';

export const createTopicsApi = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleFrom: 5,
  request: struct({
    topics: array(
      struct({
        name: string,
        partitionCount: int32,
        replicationFactor: int16,
        assignments: array(struct({ index: int32, brokerIds: array(int32) })),
        configs: array(struct({ name: string, value: nullableString })),
      }),
    ),
    timeoutMs: int32,
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: since(2, int32, 0),
    topics: array(
      struct({
        name: string,
        topicId: since(7, uuid, NO_UUID),
        errorCode: int16,
        errorMessage: nullableString,
        configErrorCode: tagged(0, 5, int16, 0),
        partitionCount: since(5, int32, -1),
        replicationFactor: since(5, int16, -1),
        configs: since(
          5,
          nullableArray(
            struct({
              name: string,
              value: nullableString,
              readOnly: bool,
              source: int8,
              sensitive: bool,
            }),
          ),
          null,
        ),
      }),
    ),
  }),
});

export const deleteTopicsApi = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 5],
  flexibleFrom: 4,
  request: struct({ names: array(string), timeoutMs: int32 }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    topics: array(
      struct({ name: string, errorCode: int16, errorMessage: since(5, nullableString, null) }),
    ),
  }),
});

export const createPartitionsApi = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: struct({
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: nullableArray(struct({ brokerIds: array(int32) })),
      }),
    ),
    timeoutMs: int32,
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: array(struct({ name: string, errorCode: int16, errorMessage: nullableString })),
  }),
});

export const deleteRecordsApi = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    topics: array(
      struct({ name: string, partitions: array(struct({ index: int32, offset: int64 })) }),
    ),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ index: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  }),
});
