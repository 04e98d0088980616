import { describe, expect, it } from 'vitest';
import { describeClusterApi, metadataApi } from '../protocol/apis/cluster.api.js';
import { describeConfigsApi } from '../protocol/apis/config.api.js';
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
import { produceApi } from '../protocol/apis/produce.api.js';
import { createTopicsApi, deleteRecordsApi } from '../protocol/apis/topic-admin.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import type { ProtocolClient } from '../testing/protocol-client.js';
import { connectAll, connectTo, createTopic } from '../testing/raw-broker.js';
import { recordBatch } from '../testing/record-batch-builder.js';
import { fetchFrom, joinOf, produceTo } from '../testing/requests.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';

const batch = (value = 'x') => recordBatch([{ value }]);

async function metadataOf(client: ProtocolClient, name: string) {
  const { topics, ...cluster } = await client.call(metadataApi, 12, { topics: [{ name }] });
  return { ...cluster, partitions: topics[0]?.partitions ?? [] };
}

/** What partition 0 of the only topic of an answer says. */
const only = <T>(answer: { topics: { partitions: T[] }[] }): T =>
  answer.topics[0]?.partitions[0] as T;

describe('a cluster of three virtual nodes', () => {
  it('says the same of itself at each node, and spreads leaders over all', async () => {
    const [nodes, { brokers }] = await connectAll(3);
    await createTopic(nodes[2] as ProtocolClient, 't', { partitions: 6 });
    const seen = await Promise.all(Object.values(nodes).map((node) => metadataOf(node, 't')));
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
    const at = seen[0]?.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]);
    expect(at).toEqual(brokers.map((address, index) => [index + 1, address]));
    expect(seen[0]?.controllerId).toBe(1);
    const leaders = seen[0]?.partitions.map(({ leaderId }) => leaderId) ?? [];
    expect([1, 2, 3].map((id) => leaders.filter((one) => one === id).length)).toEqual([2, 2, 2]);
    for (const { leaderId, replicas, inSyncReplicas, offlineReplicas } of seen[0]?.partitions ??
      []) {
      expect(replicas[0]).toBe(leaderId);
      expect([...replicas].sort()).toEqual([1, 2, 3]);
      expect(inSyncReplicas).toEqual(replicas);
      expect(offlineReplicas).toEqual([]);
    }
    const { brokers: described } = await (nodes[3] as ProtocolClient).call(describeClusterApi, 1, {
      includeClusterOperations: false,
    });
    expect(described.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
  });

  it.each([1, 2, 3])('puts %i copies where they are asked for', async (copies) => {
    const [nodes] = await connectAll(3);
    await createTopic(nodes[1] as ProtocolClient, 't', { partitions: 3, copies });
    const { partitions } = await metadataOf(nodes[1] as ProtocolClient, 't');
    for (const { replicas } of partitions) expect(new Set(replicas).size).toBe(copies);
    expect(new Set(partitions.map(({ leaderId }) => leaderId)).size).toBe(3);
  });

  it('takes manual assignments, and refuses what does not work', async () => {
    const [nodes] = await connectAll(3);
    const create = async (assignments: number[][], replicationFactor = -1) => {
      const { topics } = await (nodes[2] as ProtocolClient).call(createTopicsApi, 7, {
        topics: [
          {
            name: `t${assignments.length}`,
            partitionCount: -1,
            replicationFactor,
            assignments: assignments.map((brokerIds, index) => ({ index, brokerIds })),
            configs: [],
          },
        ],
        timeoutMs: 1_000,
        validateOnly: false,
      });
      return topics[0];
    };
    expect(
      await create([
        [3, 1],
        [2, 3],
      ]),
    ).toMatchObject({ errorCode: 0, replicationFactor: 2 });
    const { partitions } = await metadataOf(nodes[1] as ProtocolClient, 't2');
    expect(partitions.map(({ leaderId }) => leaderId)).toEqual([3, 2]);
    for (const wrong of [[[4]], [[1, 1]], [[1], [1, 2]], [[]]]) {
      expect((await create(wrong))?.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    }
    expect((await create([], 4))?.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  });

  it('sends clients with partition requests to the leader', async () => {
    const [nodes, { faults }] = await connectAll(3);
    await createTopic(nodes[1] as ProtocolClient, 't');
    const leader = faults.leaderOf('t', 0);
    const ask = async (node: ProtocolClient) => [
      only(await node.call(produceApi, 9, produceTo('t', batch()))).errorCode,
      only(await node.call(fetchApi, 12, fetchFrom('t', 0))).errorCode,
      only(
        await node.call(listOffsetsApi, 7, {
          replicaId: -1,
          topics: [{ name: 't', partitions: [{ index: 0, timestamp: -1 }] }],
        }),
      ).errorCode,
      only(
        await node.call(offsetForLeaderEpochApi, 4, {
          topics: [
            { name: 't', partitions: [{ index: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] },
          ],
        }),
      ).errorCode,
      only(
        await node.call(deleteRecordsApi, 2, {
          topics: [{ name: 't', partitions: [{ index: 0, offset: 0 }] }],
          timeoutMs: 1_000,
        }),
      ).errorCode,
    ];
    for (const [id, node] of Object.entries(nodes)) {
      const expected = Number(id) === leader ? 0 : ErrorCode.NOT_LEADER_OR_FOLLOWER;
      expect(await ask(node)).toEqual(Array(5).fill(expected));
    }
  });

  it('sends members to the coordinator of their group, of which each node has some', async () => {
    const [nodes, { faults }] = await connectAll(3);
    const first = nodes[1] as ProtocolClient;
    const ids = Array.from({ length: 30 }, (_, n) => `group-${n}`);
    const { coordinators } = await first.call(findCoordinatorApi, 4, { keys: ids });
    expect(new Set(coordinators.map(({ nodeId }) => nodeId))).toEqual(new Set([1, 2, 3]));
    await createTopic(first, 't');
    const groupId = 'group-0';
    const home = faults.coordinatorOf(groupId);
    expect(coordinators[0]).toMatchObject({ key: groupId, nodeId: home });
    const away = nodes[(home % 3) + 1] as ProtocolClient;
    const session = { groupId, generationId: 1, memberId: 'm' };
    const topics = [{ name: 't', partitions: [{ index: 0, offset: 1, metadata: '' }] }];
    const asked = [{ name: 't', partitions: [0] }];
    const { results } = await away.call(deleteGroupsApi, 2, { groups: [groupId] });
    const { groups } = await away.call(describeGroupsApi, 5, { groups: [groupId] });
    const fetched = await away.call(offsetFetchApi, 8, { groups: [{ groupId, topics: null }] });
    const codes = [
      (await away.call(joinGroupApi, 9, joinOf(groupId))).errorCode,
      (await away.call(syncGroupApi, 5, { ...session, assignments: [] })).errorCode,
      (await away.call(heartbeatApi, 4, session)).errorCode,
      (await away.call(leaveGroupApi, 5, { groupId, members: [] })).errorCode,
      only(await away.call(offsetCommitApi, 8, { ...session, topics })).errorCode,
      only(await away.call(offsetFetchApi, 1, { groupId, topics: asked })).errorCode,
      (await away.call(offsetFetchApi, 7, { groupId, topics: null })).errorCode,
      fetched.groups[0]?.errorCode,
      results[0]?.errorCode,
      groups[0]?.errorCode,
    ];
    expect(codes).toEqual(Array(10).fill(ErrorCode.NOT_COORDINATOR));
    const joined = await (nodes[home] as ProtocolClient).call(joinGroupApi, 3, joinOf(groupId));
    expect(joined.errorCode).toBe(0);
    for (const [id, node] of Object.entries(nodes)) {
      const listed = await node.call(listGroupsApi, 4, {});
      expect(listed.groups).toHaveLength(Number(id) === home ? 1 : 0);
    }
  });

  it('describes the configs of the node that is asked, and of no other', async () => {
    const [nodes] = await connectAll(2);
    const ask = async (name: string) => {
      const { results } = await (nodes[2] as ProtocolClient).call(describeConfigsApi, 4, {
        resources: [{ type: 4, name, keys: null }],
        includeSynonyms: false,
      });
      return results[0]?.errorCode;
    };
    expect([await ask('2'), await ask('1')]).toEqual([0, ErrorCode.INVALID_REQUEST]);
  });
});

describe('leader epochs', () => {
  it('grow with each move, and fence who believes in another', async () => {
    const [nodes, { faults }] = await connectAll(2);
    await createTopic(nodes[1] as ProtocolClient, 't');
    const first = faults.leaderOf('t', 0);
    const second = faults.moveLeader('t', 0);
    expect(second).toBe(3 - first);
    expect((await metadataOf(nodes[1] as ProtocolClient, 't')).partitions).toMatchObject([
      { leaderId: second, leaderEpoch: 1 },
    ]);
    const fetch = async (id: number, currentLeaderEpoch: number) => {
      const request = fetchFrom('t', 0, { currentLeaderEpoch });
      return only(await (nodes[id] as ProtocolClient).call(fetchApi, 12, request)).errorCode;
    };
    expect(await fetch(second, 0)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(await fetch(second, 1)).toBe(0);
    expect(await fetch(second, -1)).toBe(0);
    expect(await fetch(second, 2)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(await fetch(first, 0)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(await fetch(first, 1)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  it('are in the batches, and known by their ends and offsets', async () => {
    const dataDirectory = temporaryDirectory();
    const [nodes, broker] = await connectAll(3, { dataDirectory });
    await createTopic(nodes[1] as ProtocolClient, 't');
    // Epoch 0 gets two records, 1 none, 2 one and 3 one.
    for (const moves of [0, 0, 2, 1]) {
      for (let left = moves; left > 0; left--) broker.faults.moveLeader('t', 0);
      const leader = nodes[broker.faults.leaderOf('t', 0)] as ProtocolClient;
      expect(only(await leader.call(produceApi, 9, produceTo('t', batch()))).errorCode).toBe(0);
    }
    const check = async (leader: ProtocolClient) => {
      const { records } = only(await leader.call(fetchApi, 12, fetchFrom('t', 0)));
      const size = batch().length;
      expect([0, 1, 2, 3].map((n) => records?.readInt32BE(n * size + 12))).toEqual([0, 0, 2, 3]);
      const ends = await leader.call(offsetForLeaderEpochApi, 4, {
        topics: [
          {
            name: 't',
            partitions: [0, 1, 2, 3, 4].map((leaderEpoch) => ({
              index: 0,
              currentLeaderEpoch: -1,
              leaderEpoch,
            })),
          },
        ],
      });
      const found = ends.topics[0]?.partitions.map((one) => [one.leaderEpoch, one.endOffset]);
      expect(found).toEqual([
        [0, 2],
        [0, 2],
        [2, 3],
        [3, 4],
        [-1, -1],
      ]);
      const offsets = await leader.call(listOffsetsApi, 7, {
        replicaId: -1,
        topics: [
          { name: 't', partitions: [-2, -1, 9_999].map((timestamp) => ({ index: 0, timestamp })) },
        ],
      });
      expect(
        offsets.topics[0]?.partitions.map(({ offset, leaderEpoch }) => [offset, leaderEpoch]),
      ).toEqual([
        [0, 0],
        [4, 3],
        [-1, -1],
      ]);
    };
    const leader = broker.faults.leaderOf('t', 0);
    await check(nodes[leader] as ProtocolClient);
    await broker.stop();
    const [again, restarted] = await connectAll(3, { dataDirectory });
    expect(restarted.faults.leaderOf('t', 0)).toBe(leader);
    await check(again[leader] as ProtocolClient);
  });

  it('find a leader among the nodes that are left after a restart with fewer', async () => {
    const dataDirectory = temporaryDirectory();
    const [nodes, broker] = await connectAll(3, { dataDirectory });
    await createTopic(nodes[1] as ProtocolClient, 't', { partitions: 3 });
    for (const index of [0, 1, 2]) broker.faults.moveLeader('t', index, 3);
    await broker.stop();
    const [again] = await connectAll(1, { dataDirectory });
    const { partitions } = await metadataOf(again[1] as ProtocolClient, 't');
    expect(partitions).toHaveLength(3);
    for (const one of partitions)
      expect(one).toMatchObject({ leaderId: 1, leaderEpoch: 2, replicas: [1] });
  });
});

describe('a node that is down', () => {
  it('leaves its partitions to their other copies, and what has none without a leader', async () => {
    const [nodes, { faults, brokers }] = await connectAll(3);
    const first = nodes[1] as ProtocolClient;
    await createTopic(first, 'safe', { copies: 3, configs: { 'min.insync.replicas': '3' } });
    await createTopic(first, 'risky', { copies: 1 });
    faults.moveLeader('safe', 0, 3);
    faults.moveLeader('risky', 0, 3);
    const before = await (nodes[3] as ProtocolClient).call(
      produceApi,
      9,
      produceTo('safe', batch()),
    );
    expect(only(before).errorCode).toBe(0);
    await faults.stopNode(3);
    await (nodes[3] as ProtocolClient).closed;
    const after = await metadataOf(first, 'safe');
    expect(after.brokers.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
    const [partition] = after.partitions;
    expect(partition).toMatchObject({ errorCode: 0, leaderEpoch: 2, offlineReplicas: [3] });
    expect([...(partition?.inSyncReplicas ?? [])].sort()).toEqual([1, 2]);
    const leader = nodes[partition?.leaderId ?? 0] as ProtocolClient;
    const produced = async (acks: number) =>
      only(await leader.call(produceApi, 9, produceTo('safe', batch(), { acks }))).errorCode;
    expect(await produced(-1)).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    expect(await produced(1)).toBe(0);
    expect((await metadataOf(first, 'risky')).partitions).toMatchObject([
      {
        errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
        leaderId: -1,
        replicas: [3],
        inSyncReplicas: [],
      },
    ]);
    expect(faults.leaderOf('risky', 0)).toBe(-1);
    await faults.startNode(3);
    const back = await connectTo(brokers[2]);
    expect((await metadataOf(back, 'risky')).partitions).toMatchObject([
      { errorCode: 0, leaderId: 3, inSyncReplicas: [3] },
    ]);
    expect(await produced(-1)).toBe(0);
  });

  it('leaves its groups to other coordinators, with their members', async () => {
    const [nodes, { faults }] = await connectAll(2);
    const home = faults.coordinatorOf('g');
    const other = nodes[3 - home] as ProtocolClient;
    const member = await (nodes[home] as ProtocolClient).call(joinGroupApi, 3, joinOf('g'));
    const session = { groupId: 'g', memberId: member.memberId, generationId: 1 };
    await (nodes[home] as ProtocolClient).call(syncGroupApi, 5, { ...session, assignments: [] });
    await faults.stopNode(home);
    expect(faults.coordinatorOf('g')).toBe(3 - home);
    expect((await other.call(heartbeatApi, 4, session)).errorCode).toBe(0);
  });

  it('is the whole cluster if there is no other', async () => {
    const [nodes, { faults, brokers }] = await connectAll(1);
    await createTopic(nodes[1] as ProtocolClient, 't');
    await (nodes[1] as ProtocolClient).call(produceApi, 9, produceTo('t', batch()));
    await faults.stopNode(1);
    await faults.stopNode(1);
    expect([faults.leaderOf('t', 0), faults.coordinatorOf('g')]).toEqual([-1, -1]);
    await expect(connectTo(brokers[0])).rejects.toThrow('ECONNREFUSED');
    await Promise.all([faults.startNode(1), faults.healAll()]);
    const again = await connectTo(brokers[0]);
    expect(only(await again.call(fetchApi, 12, fetchFrom('t', 0))).highWatermark).toBe(1);
    expect(faults.leaderOf('t', 0)).toBe(1);
  });
});
