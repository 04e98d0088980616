import { array, bool, bytes, int16, int32, nullableString, string } from '../../wire/primitives.js';
import { since, struct } from '../../wire/schema.js';
import { defineApi } from '../api.js';

export const describeGroupsApi = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: struct({ groups: array(string), includeOperations: since(3, bool, false) }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: since(6, nullableString, null),
        groupId: string,
        state: string,
        protocolType: string,
        protocol: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: since(4, nullableString, null),
            clientId: string,
            clientHost: string,
            metadata: bytes,
            assignment: bytes,
          }),
        ),
        operations: since(3, int32, -2_147_483_648),
      }),
    ),
  }),
});

export const listGroupsApi = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({ states: since(4, array(string), []) }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    groups: array(struct({ groupId: string, protocolType: string, state: since(4, string, '') })),
  }),
});

export const deleteGroupsApi = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({ groups: array(string) }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    results: array(struct({ groupId: string, errorCode: int16 })),
  }),
});
