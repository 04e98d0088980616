import {
  NO_UUID,
  array,
  bool,
  int16,
  int32,
  int8,
  nullableArray,
  nullableString,
  string,
  uuid,
} from '../../wire/primitives.js';
import { between, since, struct } from '../../wire/schema.js';
import { defineApi } from '../api.js';

/** "Not asked for" in the bit sets of allowed operations. */
const NO_OPERATIONS = -2_147_483_648;

/** Versions of all APIs; what every client asks first. */
export const apiVersionsApi = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 3],
  flexibleFrom: 3,
  request: struct({
    clientSoftwareName: since(3, string, ''),
    clientSoftwareVersion: since(3, string, ''),
  }),
  response: struct({
    errorCode: int16,
    apis: array(struct({ key: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: since(1, int32, 0),
  }),
});

/** Brokers, topics and partitions. */
export const metadataApi = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 12],
  flexibleFrom: 9,
  request: struct({
    topics: nullableArray(struct({ topicId: since(10, uuid, NO_UUID), name: nullableString })),
    allowAutoTopicCreation: since(4, bool, true),
    includeClusterOperations: between(8, 10, bool, false),
    includeTopicOperations: since(8, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    brokers: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: since(1, nullableString, null),
      }),
    ),
    clusterId: since(2, nullableString, null),
    controllerId: since(1, int32, -1),
    topics: array(
      struct({
        errorCode: int16,
        name: nullableString,
        topicId: since(10, uuid, NO_UUID),
        isInternal: since(1, bool, false),
        partitions: array(
          struct({
            errorCode: int16,
            index: int32,
            leaderId: int32,
            leaderEpoch: since(7, int32, -1),
            replicas: array(int32),
            inSyncReplicas: array(int32),
            offlineReplicas: since(5, array(int32), []),
          }),
        ),
        operations: since(8, int32, NO_OPERATIONS),
      }),
    ),
    clusterOperations: between(8, 10, int32, NO_OPERATIONS),
  }),
});

/** The cluster without its topics. */
export const describeClusterApi = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    includeClusterOperations: bool,
    endpointType: since(1, int8, 1),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: int16,
    errorMessage: nullableString,
    endpointType: since(1, int8, 1),
    clusterId: string,
    controllerId: int32,
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: nullableString })),
    clusterOperations: since(0, int32, NO_OPERATIONS),
  }),
});
