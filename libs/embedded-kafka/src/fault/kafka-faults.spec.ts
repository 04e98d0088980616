import { VirtualClock, settle } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { UnknownTargetError } from '../index.js';
import { metadataApi } from '../protocol/apis/cluster.api.js';
import { fetchApi } from '../protocol/apis/fetch.api.js';
import { heartbeatApi, joinGroupApi, syncGroupApi } from '../protocol/apis/membership.api.js';
import { produceApi } from '../protocol/apis/produce.api.js';
import { ErrorCode } from '../protocol/error-code.js';
import { ProtocolClient } from '../testing/protocol-client.js';
import { connect, connectAll, connectTo, createTopic } from '../testing/raw-broker.js';
import { recordBatch } from '../testing/record-batch-builder.js';
import { fetchFrom, joinOf, produceTo } from '../testing/requests.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { TestClient } from '../testing/use-broker.js';
import type { ErrorName } from './fault.js';

const batch = () => recordBatch([{ value: 'x' }]);
const produced = async (client: ProtocolClient, topic = 't') => {
  const { topics } = await client.call(produceApi, 9, produceTo(topic, batch()));
  return topics[0]?.partitions[0]?.errorCode;
};
const stored = async (client: ProtocolClient, topic = 't') => {
  const { topics } = await client.call(fetchApi, 11, fetchFrom(topic, 0));
  return topics[0]?.partitions[0]?.highWatermark;
};

const setUp = async (options = {}) => {
  const [client, broker] = await connect(options);
  await createTopic(client, 't');
  return { client, broker, faults: broker.faults };
};

/** A member whose group is stable. */
const member = async (client: ProtocolClient, groupId = 'g') => {
  const { memberId, generationId } = await client.call(joinGroupApi, 3, joinOf(groupId));
  const session = { groupId, memberId, generationId };
  await client.call(syncGroupApi, 5, { ...session, assignments: [] });
  return session;
};

describe('errors in answers', () => {
  it('are instead of what was asked, or after it', async () => {
    const { client, faults } = await setUp();
    const before = faults.fail('NOT_ENOUGH_REPLICAS', { api: 'Produce' });
    expect(await produced(client)).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    before();
    before();
    expect(await stored(client)).toBe(0);
    const after = faults.fail('REQUEST_TIMED_OUT', { api: 'Produce' }, 'response');
    expect(await produced(client)).toBe(ErrorCode.REQUEST_TIMED_OUT);
    after();
    expect(await stored(client)).toBe(1);
    expect(await produced(client)).toBe(0);
  });

  it('close the connection where an answer has no place for them', async () => {
    const { client, faults } = await setUp();
    faults.fail('UNKNOWN_TOPIC_OR_PARTITION', { api: 'Metadata' });
    await expect(client.call(metadataApi, 12, { topics: null })).rejects.toThrow('closed');
  });

  it.each<[ErrorName, string]>([
    ['NOT_ENOUGH_REPLICAS', 'Produce'],
    ['NOT_LEADER_OR_FOLLOWER', 'Produce'],
    ['LEADER_NOT_AVAILABLE', 'Metadata'],
    ['COORDINATOR_LOAD_IN_PROGRESS', 'JoinGroup'],
    ['COORDINATOR_LOAD_IN_PROGRESS', 'OffsetFetch'],
    ['COORDINATOR_NOT_AVAILABLE', 'FindCoordinator'],
    ['REBALANCE_IN_PROGRESS', 'SyncGroup'],
    ['NOT_LEADER_OR_FOLLOWER', 'Fetch'],
  ])('kafkajs gets over %s from %s', async (error, api) => {
    const { broker, faults } = await setUp();
    const client = new TestClient(broker);
    // Only a Metadata answer about named topics has a place for an error.
    faults.fail(error, { api, times: 2, ...(api === 'Metadata' && { topic: 't' }) });
    await (await client.producer()).send({ topic: 't', messages: [{ value: 'v' }] });
    const got = await client.read('g', ['t'], ({ length }) => length === 1);
    expect(got.map(({ value }) => value)).toEqual(['v']);
  });
});

describe('filters', () => {
  it('pick api, topic, group, client, connection, node, every n-th and the first few', async () => {
    const [nodes, broker] = await connectAll(2);
    const { faults } = broker;
    const [first, second] = [nodes[1], nodes[2]] as [ProtocolClient, ProtocolClient];
    for (const topic of ['a', 'b']) {
      await createTopic(first, topic);
      faults.moveLeader(topic, 0, 1);
    }
    const codes = async (count: number, topic = 'a') => {
      const all: unknown[] = [];
      for (let n = 0; n < count; n++) all.push(await produced(first, topic));
      return all;
    };
    const no = ErrorCode.POLICY_VIOLATION;
    const during = async <T>(filter: Parameters<typeof faults.fail>[1], run: () => Promise<T>) => {
      const heal = faults.fail('POLICY_VIOLATION', filter);
      return run().finally(heal);
    };
    expect(await during({ api: ['Fetch', 'Produce'] }, () => codes(1))).toEqual([no]);
    expect(await during({ api: 'Fetch' }, () => codes(1))).toEqual([0]);
    expect(await during({ topic: 'a' }, () => codes(1))).toEqual([no]);
    expect(await during({ topic: 'a' }, () => codes(1, 'b'))).toEqual([0]);
    expect(await during({ clientId: 'protocol-client' }, () => codes(1))).toEqual([no]);
    expect(await during({ clientId: 'somebody' }, () => codes(1))).toEqual([0]);
    expect(await during({ node: 2 }, () => codes(1))).toEqual([0]);
    expect(await during({ node: 1 }, () => codes(1))).toEqual([no]);
    expect(await during({ every: 3 }, () => codes(7))).toEqual([no, 0, 0, no, 0, 0, no]);
    expect(await during({ times: 2 }, () => codes(4))).toEqual([no, no, 0, 0]);
    const heartbeat = (groupId: string) =>
      during({ group: 'g' }, async () => {
        const at = faults.coordinatorOf(groupId) === 1 ? first : second;
        const session = { groupId, memberId: 'm', generationId: 1 };
        return (await at.call(heartbeatApi, 4, session)).errorCode;
      });
    expect(await heartbeat('g')).toBe(no);
    expect(await heartbeat('h')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const third = await connectTo(broker.brokers[0]);
    let connection = 0;
    const heal = faults.rule((point) => void (connection = point.connection));
    await produced(third, 'a');
    heal();
    expect(await during({ connection }, () => codes(1))).toEqual([0]);
    expect(await during({ connection }, () => produced(third, 'a'))).toBe(no);
  });
});

describe('requests and answers that get lost or late', () => {
  it('are done though their answers are lost', async () => {
    const { client, broker, faults } = await setUp();
    const heal = faults.loseAnswers({ api: 'Produce' });
    await expect(produced(client)).rejects.toThrow('closed');
    heal();
    expect(await stored(await ProtocolClient.connect(broker.port))).toBe(1);
  });

  it('are dropped before or after they are acted on', async () => {
    const { client, broker, faults } = await setUp();
    faults.drop({ api: 'Produce', times: 1 });
    faults.drop({ api: 'Produce', times: 1 }, 'response');
    const ended = Promise.allSettled([produced(client), produced(client)]);
    const other = await ProtocolClient.connect(broker.port);
    for (;;) if ((await stored(other)) === 1) break;
    client.close();
    await ended;
    expect(await produced(other)).toBe(0);
    expect(await stored(other)).toBe(2);
  });

  it('are held up', async () => {
    const clock = new VirtualClock();
    const { client, broker, faults } = await setUp({ clock });
    faults.delay(500, { api: 'Produce' });
    const sent = produced(client);
    while (clock.pending === 0) await settle();
    const other = await ProtocolClient.connect(broker.port);
    expect(await stored(other)).toBe(0);
    await clock.advance(500);
    expect(await sent).toBe(0);
  });
});

describe('disconnect', () => {
  it('cuts the connections that are meant, once', async () => {
    const [nodes, { faults, brokers }] = await connectAll(2);
    const [first, second] = [nodes[1], nodes[2]] as [ProtocolClient, ProtocolClient];
    expect(faults.disconnect({ node: 3 })).toBe(0);
    for (const node of [first, second]) await node.call(metadataApi, 12, { topics: [] });
    expect(faults.disconnect({ node: 1, clientId: 'protocol-client' })).toBe(1);
    await first.closed;
    expect((await second.call(metadataApi, 12, { topics: [] })).brokers).toHaveLength(2);
    await (await connectTo(brokers[0])).call(metadataApi, 12, { topics: [] });
    expect(faults.disconnect()).toBe(2);
    await second.closed;
  });
});

describe('leaders and coordinators that move', () => {
  it('end the long polls at the old leader', async () => {
    const [nodes, { faults }] = await connectAll(2);
    await createTopic(nodes[1] as ProtocolClient, 't');
    const old = nodes[faults.leaderOf('t', 0)] as ProtocolClient;
    const poll = old.call(fetchApi, 12, fetchFrom('t', 0, { maxWaitMs: 60_000 }));
    // Answered only after the poll has begun to wait.
    await (nodes[3 - faults.leaderOf('t', 0)] as ProtocolClient).call(metadataApi, 12, {
      topics: [],
    });
    await settle();
    faults.moveLeader('t', 0);
    const { topics } = await poll;
    expect(topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  it('tell members that wait for a rebalance to look for their group', async () => {
    const [nodes, { faults }] = await connectAll(2);
    const home = faults.coordinatorOf('g');
    const old = nodes[home] as ProtocolClient;
    const session = await member(old);
    const joining = old.call(joinGroupApi, 3, joinOf('g'));
    const next = nodes[3 - home] as ProtocolClient;
    await next.call(metadataApi, 12, { topics: [] });
    await settle();
    expect(faults.moveCoordinator('g', 3 - home)).toBe(3 - home);
    expect((await joining).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect((await next.call(heartbeatApi, 4, session)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect((await member(next)).generationId).toBe(2);
  });

  it('only begin a new epoch if there is one node', async () => {
    const { client, faults } = await setUp();
    expect([faults.moveLeader('t', 0), faults.moveCoordinator('g')]).toEqual([1, 1]);
    const { topics } = await client.call(metadataApi, 12, { topics: [{ name: 't' }] });
    expect(topics[0]?.partitions).toMatchObject([{ leaderId: 1, leaderEpoch: 1 }]);
  });

  it('move to any node that is named, though it had no copy', async () => {
    const [nodes, { faults }] = await connectAll(3);
    await createTopic(nodes[1] as ProtocolClient, 't', { copies: 1 });
    const next = (faults.leaderOf('t', 0) % 3) + 1;
    expect(faults.moveLeader('t', 0, next)).toBe(next);
    const { topics } = await (nodes[1] as ProtocolClient).call(metadataApi, 12, {
      topics: [{ name: 't' }],
    });
    expect(topics[0]?.partitions).toMatchObject([{ leaderId: next, replicas: [next] }]);
    expect(await produced(nodes[next] as ProtocolClient)).toBe(0);
  });

  it('say what is not there', async () => {
    const { faults } = await setUp();
    for (const wrong of [
      () => faults.moveLeader('none', 0),
      () => faults.moveLeader('t', 1),
      () => faults.moveLeader('t', 0, 2),
      () => faults.moveCoordinator('g', 9),
    ]) {
      expect(wrong).toThrow(UnknownTargetError);
    }
    await expect(faults.stopNode(2)).rejects.toThrow(UnknownTargetError);
    await expect(faults.rebalance('none')).rejects.toThrow(/group none/);
    await faults.stopNode(1);
    expect(() => faults.moveLeader('t', 0, 1)).toThrow(/stopped/);
  });
});

describe('rebalances', () => {
  const rejoin = async (client: ProtocolClient, session: Awaited<ReturnType<typeof member>>) => {
    const again = await client.call(joinGroupApi, 3, {
      ...joinOf('g'),
      memberId: session.memberId,
    });
    const next = { ...session, generationId: again.generationId };
    await client.call(syncGroupApi, 5, { ...next, assignments: [] });
    return next;
  };

  it('are ordered once', async () => {
    const { client, faults } = await setUp();
    let session = await member(client);
    expect(await faults.rebalance('g')).toBe(1);
    expect((await client.call(heartbeatApi, 4, session)).errorCode).toBe(
      ErrorCode.REBALANCE_IN_PROGRESS,
    );
    session = await rejoin(client, session);
    expect(session.generationId).toBe(2);
    expect((await client.call(heartbeatApi, 4, session)).errorCode).toBe(0);
  });

  it('come as a storm that can be ended', async () => {
    const clock = new VirtualClock();
    const { client, faults } = await setUp({ clock });
    let session = await member(client);
    const end = new AbortController();
    const storm = faults.rebalance('g', { times: 100, everyMs: 250, signal: end.signal });
    for (let round = 1; round <= 3; round++) {
      expect((await client.call(heartbeatApi, 4, session)).errorCode).toBe(
        ErrorCode.REBALANCE_IN_PROGRESS,
      );
      session = await rejoin(client, session);
      if (round < 3) await clock.advance(250);
    }
    end.abort();
    expect(await storm).toBe(3);
    await clock.advance(5_000);
    expect((await client.call(heartbeatApi, 4, session)).errorCode).toBe(0);
  });

  it('end with the broker', async () => {
    const { client, broker, faults } = await setUp({ clock: new VirtualClock() });
    await member(client);
    const storm = faults.rebalance('g', { times: 5 });
    await broker.stop();
    expect(await storm).toBe(1);
  });
});

describe('a slow disk', () => {
  it.each([
    ['appends', {}, 100],
    ['appends and syncs', { fsync: true }, 200],
  ])('holds up %s, and nothing that only reads', async (_what, options, ms) => {
    const clock = new VirtualClock();
    const { client, broker, faults } = await setUp({
      clock,
      dataDirectory: temporaryDirectory(),
      ...options,
    });
    const heal = faults.slowDisk(100);
    const from = clock.monotonic();
    let done = 0;
    const sent = produced(client).finally(() => (done = clock.monotonic()));
    while (clock.pending === 0) await settle();
    const other = await ProtocolClient.connect(broker.port);
    expect(await stored(other)).toBe(0);
    while (done === 0) await clock.advance(1);
    expect(await sent).toBe(0);
    expect(done - from).toBeGreaterThanOrEqual(ms);
    expect(await stored(other)).toBe(1);
    heal();
    expect(await produced(client)).toBe(0);
  });
});
