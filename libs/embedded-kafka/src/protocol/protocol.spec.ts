import { describe, expect, it } from 'vitest';
import { recordBatch } from '../testing/record-batch-builder.js';
import { connect, createTopic } from '../testing/raw-broker.js';
import type { Api } from './api.js';
import { describeClusterApi, metadataApi } from './apis/cluster.api.js';
import {
  alterConfigsApi,
  describeConfigsApi,
  incrementalAlterConfigsApi,
} from './apis/config.api.js';
import { fetchApi, listOffsetsApi, offsetForLeaderEpochApi } from './apis/fetch.api.js';
import { deleteGroupsApi, describeGroupsApi, listGroupsApi } from './apis/group-admin.api.js';
import {
  findCoordinatorApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  syncGroupApi,
} from './apis/membership.api.js';
import { offsetCommitApi, offsetFetchApi } from './apis/offsets.api.js';
import { initProducerIdApi, produceApi } from './apis/produce.api.js';
import {
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
} from './apis/topic-admin.api.js';
import { ErrorCode } from './error-code.js';

const versionsOf = (api: Api): number[] =>
  Array.from({ length: api.versions[1] - api.versions[0] + 1 }, (_, n) => api.versions[0] + n);

const produce = (name: string, records: Buffer, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1_000,
  topics: [{ name, partitions: [{ index: 0, records }] }],
});

const fetchFrom = (name: string, fetchOffset: number, change = {}) => ({
  replicaId: -1,
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 0,
  topics: [{ name, partitions: [{ index: 0, fetchOffset, maxBytes: 1_000_000 }] }],
  ...change,
});

describe('the protocol, in every version served', () => {
  it('creates, shows, configures, grows and deletes topics', async () => {
    const [client] = await connect();
    for (const version of versionsOf(createTopicsApi)) {
      const { topics } = await client.call(createTopicsApi, version, {
        topics: [
          {
            name: `t${version}`,
            partitionCount: 2,
            replicationFactor: 1,
            assignments: [],
            configs: [{ name: 'retention.ms', value: '9000' }],
          },
        ],
        timeoutMs: 1_000,
        validateOnly: false,
      });
      expect(topics).toMatchObject([{ name: `t${version}`, errorCode: 0, errorMessage: null }]);
    }
    for (const version of versionsOf(metadataApi)) {
      const { topics, brokers } = await client.call(metadataApi, version, {
        topics: [{ name: 't7' }, { name: 'none' }],
        allowAutoTopicCreation: false,
      });
      expect(brokers).toMatchObject([{ nodeId: 1, host: '127.0.0.1' }]);
      expect(topics[0]).toMatchObject({ errorCode: 0, name: 't7', isInternal: false });
      expect(topics[0]?.partitions).toHaveLength(2);
      expect(topics[1]).toMatchObject({ errorCode: 3, name: 'none' });
    }
    const all = await client.call(metadataApi, 12, { topics: null });
    expect(all.topics).toHaveLength(6);
    const byId = await client.call(metadataApi, 12, {
      topics: [
        { name: null, topicId: all.topics[0]?.topicId },
        { name: null, topicId: 'f'.repeat(32) },
      ],
    });
    expect(byId.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['t2', 0],
      [null, ErrorCode.UNKNOWN_TOPIC_ID],
    ]);
    for (const version of versionsOf(describeConfigsApi)) {
      const { results } = await client.call(describeConfigsApi, version, {
        resources: [
          { type: 2, name: 't7', keys: ['retention.ms'] },
          { type: 4, name: '1', keys: null },
          { type: 2, name: 'none', keys: null },
          { type: 9, name: 'x', keys: null },
        ],
        includeSynonyms: true,
        includeDocumentation: true,
      });
      expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 0, 3, 42]);
      expect(results[0]?.configs).toMatchObject([
        { name: 'retention.ms', value: '9000', source: 1 },
      ]);
    }
    const retention = async (): Promise<string | null | undefined> => {
      const { results } = await client.call(describeConfigsApi, 1, {
        resources: [{ type: 2, name: 't7', keys: ['retention.ms'] }],
        includeSynonyms: false,
      });
      return results[0]?.configs[0]?.value;
    };
    for (const version of versionsOf(alterConfigsApi)) {
      const { results } = await client.call(alterConfigsApi, version, {
        resources: [
          { type: 2, name: 't7', configs: [{ name: 'retention.ms', value: `${version}` }] },
          { type: 4, name: '1', configs: [] },
        ],
        validateOnly: false,
      });
      expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 42]);
      expect(await retention()).toBe(`${version}`);
    }
    for (const version of versionsOf(incrementalAlterConfigsApi)) {
      for (const [operation, value, expected] of [
        [0, '77', '77'],
        [1, null, '604800000'],
      ] as const) {
        await client.call(incrementalAlterConfigsApi, version, {
          resources: [
            { type: 2, name: 't7', configs: [{ name: 'retention.ms', operation, value }] },
          ],
          validateOnly: false,
        });
        expect(await retention()).toBe(expected);
      }
    }
    for (const version of versionsOf(createPartitionsApi)) {
      const { topics } = await client.call(createPartitionsApi, version, {
        topics: [{ name: 't7', count: 3 + version, assignments: null }],
        timeoutMs: 1_000,
        validateOnly: false,
      });
      expect(topics).toEqual([{ name: 't7', errorCode: 0, errorMessage: null }]);
    }
    for (const version of versionsOf(deleteTopicsApi)) {
      const { topics } = await client.call(deleteTopicsApi, version, {
        names: [`t${version + 1}`, 'none'],
        timeoutMs: 1_000,
      });
      expect(topics.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
    }
    for (const version of versionsOf(describeClusterApi)) {
      const cluster = await client.call(describeClusterApi, version, {
        includeClusterOperations: true,
      });
      expect(cluster).toMatchObject({ errorCode: 0, controllerId: 1 });
    }
  });

  it('produces, fetches, and finds and deletes records', async () => {
    const [client] = await connect();
    await createTopic(client, 't');
    for (const [n, version] of versionsOf(produceApi).entries()) {
      const { topics } = await client.call(
        produceApi,
        version,
        produce('t', recordBatch([{ value: `v${version}` }], { baseTimestamp: 100 + n })),
      );
      expect(topics[0]?.partitions).toMatchObject([{ index: 0, errorCode: 0, baseOffset: n }]);
    }
    const end = versionsOf(produceApi).length;
    for (const version of versionsOf(fetchApi)) {
      const { topics } = await client.call(fetchApi, version, fetchFrom('t', 2));
      expect(topics[0]?.partitions).toMatchObject([
        { index: 0, errorCode: 0, highWatermark: end, lastStableOffset: end },
      ]);
      expect(topics[0]?.partitions[0]?.records?.toString('latin1')).toContain('v5');
      expect(topics[0]?.partitions[0]?.records?.toString('latin1')).not.toContain('v4');
    }
    for (const version of versionsOf(listOffsetsApi)) {
      const offsetAt = async (timestamp: number): Promise<number | undefined> => {
        const { topics } = await client.call(listOffsetsApi, version, {
          replicaId: -1,
          topics: [{ name: 't', partitions: [{ index: 0, timestamp }] }],
        });
        return topics[0]?.partitions[0]?.offset;
      };
      expect(await Promise.all([-2, -1, 102, 999, -3].map((time) => offsetAt(time)))).toEqual([
        0,
        end,
        2,
        -1,
        end - 1,
      ]);
    }
    for (const version of versionsOf(offsetForLeaderEpochApi)) {
      const { topics } = await client.call(offsetForLeaderEpochApi, version, {
        topics: [
          {
            name: 't',
            partitions: [
              { index: 0, currentLeaderEpoch: -1, leaderEpoch: 0 },
              { index: 0, currentLeaderEpoch: 5, leaderEpoch: 0 },
              { index: 9, currentLeaderEpoch: -1, leaderEpoch: 0 },
            ],
          },
        ],
      });
      expect(
        topics[0]?.partitions.map(({ errorCode, endOffset }) => [errorCode, endOffset]),
      ).toEqual([
        [0, end],
        [ErrorCode.UNKNOWN_LEADER_EPOCH, -1],
        [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
      ]);
    }
    for (const version of versionsOf(deleteRecordsApi)) {
      const { topics } = await client.call(deleteRecordsApi, version, {
        topics: [
          {
            name: 't',
            partitions: [
              { index: 0, offset: version + 1 },
              { index: 0, offset: 99 },
            ],
          },
        ],
        timeoutMs: 1_000,
      });
      expect(topics[0]?.partitions).toEqual([
        { index: 0, lowWatermark: version + 1, errorCode: 0 },
        { index: 0, lowWatermark: -1, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE },
      ]);
    }
  });

  it('runs a group through its life', async () => {
    const [client, broker] = await connect();
    await createTopic(client, 't');
    for (const version of versionsOf(findCoordinatorApi)) {
      const found = await client.call(findCoordinatorApi, version, { key: 'g', keys: ['g'] });
      const at = version < 4 ? found : found.coordinators[0];
      expect(at).toMatchObject({ errorCode: 0, nodeId: 1, port: broker.port });
    }
    expect(await client.call(findCoordinatorApi, 2, { key: '' })).toMatchObject({
      errorCode: ErrorCode.INVALID_GROUP_ID,
    });
    for (const version of versionsOf(joinGroupApi)) {
      const groupId = `g${version}`;
      const request = {
        groupId,
        sessionTimeoutMs: 6_000,
        rebalanceTimeoutMs: 6_000,
        memberId: '',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from('m') }],
      };
      let member = await client.call(joinGroupApi, version, request);
      if (version >= 4) {
        expect(member.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
        member = await client.call(joinGroupApi, version, {
          ...request,
          memberId: member.memberId,
        });
      }
      const { memberId, generationId } = member;
      expect(member).toMatchObject({ errorCode: 0, protocolName: 'range', leader: memberId });
      const of = (api: Api): number => Math.min(version, api.versions[1]);
      const synced = await client.call(syncGroupApi, of(syncGroupApi), {
        groupId,
        generationId,
        memberId,
        assignments: [{ memberId, assignment: Buffer.from('a') }],
      });
      expect([synced.errorCode, synced.assignment.toString()]).toEqual([0, 'a']);
      const session = { groupId, generationId, memberId };
      expect(await client.call(heartbeatApi, of(heartbeatApi), session)).toMatchObject({
        errorCode: 0,
      });
      const commitVersion = Math.max(2, of(offsetCommitApi));
      const committed = await client.call(offsetCommitApi, commitVersion, {
        ...session,
        topics: [
          {
            name: 't',
            partitions: [
              { index: 0, offset: 40 + version, metadata: 'note' },
              { index: 9, offset: 1, metadata: null },
            ],
          },
        ],
      });
      expect(committed.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
      const fetchVersion = Math.max(1, of(offsetFetchApi));
      const asked = fetchVersion === 1 ? [{ name: 't', partitions: [0] }] : null;
      const offsets = await client.call(offsetFetchApi, fetchVersion, {
        groupId,
        topics: asked,
        groups: [{ groupId, topics: null }],
      });
      const topics = fetchVersion < 8 ? offsets.topics : offsets.groups[0]?.topics;
      expect(topics).toMatchObject([
        {
          name: 't',
          partitions: [{ index: 0, offset: 40 + version, metadata: 'note', errorCode: 0 }],
        },
      ]);
      const described = await client.call(describeGroupsApi, of(describeGroupsApi), {
        groups: [groupId, 'none'],
      });
      expect(described.groups).toMatchObject([
        {
          state: 'Stable',
          protocol: 'range',
          members: [{ memberId, clientId: 'protocol-client' }],
        },
        { state: 'Dead', members: [] },
      ]);
      const listed = await client.call(listGroupsApi, of(listGroupsApi), { states: ['Stable'] });
      expect(listed.groups.map((one) => one.groupId)).toContain(groupId);
      const deleted = (): Promise<{ results: { errorCode: number }[] }> =>
        client.call(deleteGroupsApi, of(deleteGroupsApi), { groups: [groupId, 'none'] });
      expect((await deleted()).results.map(({ errorCode }) => errorCode)).toEqual([68, 69]);
      const left = await client.call(leaveGroupApi, of(leaveGroupApi), {
        groupId,
        memberId,
        members: [{ memberId, groupInstanceId: null }],
      });
      expect(left.errorCode).toBe(0);
      expect((await deleted()).results.map(({ errorCode }) => errorCode)).toEqual([0, 69]);
    }
  });

  it('hands out producer ids', async () => {
    const [client] = await connect();
    const ids = new Set<number>();
    for (const version of versionsOf(initProducerIdApi)) {
      const request = { transactionalId: null, transactionTimeoutMs: 1_000 };
      const given = await client.call(initProducerIdApi, version, request);
      expect(given).toMatchObject({ errorCode: 0, producerEpoch: 0 });
      ids.add(given.producerId);
    }
    expect(ids.size).toBe(versionsOf(initProducerIdApi).length);
    const [producerId] = ids;
    expect(
      await client.call(initProducerIdApi, 4, {
        transactionalId: null,
        transactionTimeoutMs: 1,
        producerId,
        producerEpoch: 3,
      }),
    ).toMatchObject({ producerEpoch: 0 });
  });
});
