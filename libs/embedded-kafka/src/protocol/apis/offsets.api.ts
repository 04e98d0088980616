import {
  array,
  bool,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  string,
} from '../../wire/primitives.js';
import { between, since, struct } from '../../wire/schema.js';
import { defineApi } from '../api.js';

export const offsetCommitApi = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 8],
  flexibleFrom: 8,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(7, nullableString, null),
    retentionTimeMs: between(2, 4, int64, -1),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            offset: int64,
            leaderEpoch: since(6, int32, -1),
            metadata: nullableString,
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ index: int32, errorCode: int16 })),
      }),
    ),
  }),
});

const committedTopic = struct({
  name: string,
  partitions: array(
    struct({
      index: int32,
      offset: int64,
      leaderEpoch: since(5, int32, -1),
      metadata: nullableString,
      errorCode: int16,
    }),
  ),
});
const askedTopics = nullableArray(struct({ name: string, partitions: array(int32) }));

/** Version 8 asks for several groups at once. */
export const offsetFetchApi = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 8],
  flexibleFrom: 6,
  request: struct({
    groupId: between(0, 7, string, ''),
    topics: between(0, 7, askedTopics, null),
    groups: since(8, array(struct({ groupId: string, topics: askedTopics })), []),
    requireStable: since(7, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    topics: between(0, 7, array(committedTopic), []),
    errorCode: between(2, 7, int16, 0),
    groups: since(
      8,
      array(struct({ groupId: string, topics: array(committedTopic), errorCode: int16 })),
      [],
    ),
  }),
});
