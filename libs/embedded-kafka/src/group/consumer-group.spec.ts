import { VirtualClock } from '@rookery/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ErrorCode } from '../protocol/error-code.js';
import { ConsumerGroup, type JoinRequest } from './consumer-group.js';
import type { JoinResult, SyncResult } from './group-member.js';

const SESSION = 10_000;
const REBALANCE = 30_000;

describe('ConsumerGroup', () => {
  let clock: VirtualClock;
  let group: ConsumerGroup;
  let generations: number[];

  const make = (initialRebalanceDelay = 0, maxMembers = 10): ConsumerGroup =>
    new ConsumerGroup('g', {
      clock,
      initialRebalanceDelay,
      maxMembers,
      onGeneration: (generation) => generations.push(generation),
    });

  const request = (change: Partial<JoinRequest> = {}): JoinRequest => ({
    memberId: '',
    groupInstanceId: null,
    clientId: 'c',
    clientHost: 'h',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    sessionTimeoutMs: SESSION,
    rebalanceTimeoutMs: REBALANCE,
    requiresKnownId: false,
    ...change,
  });
  const join = (change: Partial<JoinRequest> = {}): Promise<JoinResult> =>
    group.join(request(change));
  const sync = (
    member: JoinResult,
    assignments: Record<string, string> = {},
  ): Promise<SyncResult> =>
    group.sync(
      member.memberId,
      member.generationId,
      null,
      Object.entries(assignments).map(([memberId, text]) => ({
        memberId,
        assignment: Buffer.from(text),
      })),
      { protocolType: null, protocolName: null },
    );
  const beat = (member: JoinResult): ErrorCode =>
    group.heartbeat(member.memberId, member.generationId, null);
  const stableWith = async (count: number): Promise<JoinResult[]> => {
    let members: JoinResult[] = [];
    for (let n = 0; n < count; n++) {
      // The newcomer begins the rebalance; the others rejoin when they hear of it.
      const newcomer = join();
      const again = members.map(({ memberId }) => join({ memberId }));
      members = await Promise.all([...again, newcomer]);
    }
    const leader = members.find(({ memberId, leader: id }) => id === memberId) as JoinResult;
    const followers = members.filter((one) => one !== leader).map((one) => sync(one));
    await Promise.all([
      ...followers,
      sync(leader, Object.fromEntries(members.map(({ memberId }, n) => [memberId, `part ${n}`]))),
    ]);
    expect(group.state).toBe('Stable');
    return members;
  };

  beforeEach(() => {
    clock = new VirtualClock();
    generations = [];
    group = make();
  });

  it('takes a first member through a rebalance at once', async () => {
    expect(group.state).toBe('Empty');
    const member = await join();
    expect(member).toMatchObject({
      errorCode: 0,
      generationId: 1,
      protocolName: 'range',
      protocolType: 'consumer',
      leader: member.memberId,
    });
    expect(member.members).toEqual([
      { memberId: member.memberId, groupInstanceId: null, metadata: Buffer.from('m') },
    ]);
    expect(group.state).toBe('CompletingRebalance');
    const synced = await sync(member, { [member.memberId]: 'all' });
    expect(synced.assignment.toString()).toBe('all');
    expect(group.state).toBe('Stable');
    expect(beat(member)).toBe(ErrorCode.NONE);
    expect(generations).toEqual([1]);
  });

  it('gives a new member its id first when its version asks for that', async () => {
    const first = await join({ requiresKnownId: true });
    expect(first.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect(first.memberId).toMatch(/^c-/);
    expect(group.isEmpty).toBe(false);
    expect((await join({ memberId: first.memberId, requiresKnownId: true })).errorCode).toBe(0);
  });

  it('forgets an id that nobody joined with', async () => {
    const { memberId } = await join({ requiresKnownId: true });
    await clock.advance(SESSION);
    expect(group.isEmpty).toBe(true);
    expect((await join({ memberId })).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(clock.pending).toBe(0);
  });

  it('waits for those that were given an id, but not for ever', async () => {
    const [old] = (await stableWith(1)) as [JoinResult];
    const second = await join({ requiresKnownId: true });
    expect(group.state).toBe('Stable');
    const rejoined = join({ memberId: old.memberId, protocols: request().protocols });
    await clock.advance(0);
    expect(group.state).toBe('PreparingRebalance');
    const joined = join({ memberId: second.memberId });
    expect((await rejoined).generationId).toBe(2);
    expect((await joined).generationId).toBe(2);
  });

  it('tells members to join again when another comes, and gives the leader all', async () => {
    const [old] = (await stableWith(1)) as [JoinResult];
    const second = join();
    expect(beat(old)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect((await sync(old)).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const [oldAgain, newcomer] = await Promise.all([join({ memberId: old.memberId }), second]);
    expect(oldAgain.leader).toBe(old.memberId);
    expect(oldAgain.members.map(({ memberId }) => memberId)).toEqual([
      old.memberId,
      newcomer.memberId,
    ]);
    expect(newcomer.members).toEqual([]);
    expect(oldAgain.generationId).toBe(2);
  });

  it('holds followers until the leader has assigned', async () => {
    const [a] = (await stableWith(1)) as [JoinResult];
    const [follower, leader] = await Promise.all([join(), join({ memberId: a.memberId })]);
    let answered = false;
    const waiting = sync(follower).then((result) => {
      answered = true;
      return result;
    });
    await clock.advance(SESSION * 2 - 1 - SESSION);
    expect(answered).toBe(false);
    await sync(leader, { [leader.memberId]: 'x', [follower.memberId]: 'y', stranger: 'z' });
    expect((await waiting).assignment.toString()).toBe('y');
  });

  it('fences members of an earlier generation and strangers', async () => {
    const [a] = (await stableWith(2)) as [JoinResult, JoinResult];
    const old = { ...a, generationId: a.generationId - 1 };
    const stranger = { ...a, memberId: 'stranger' };
    expect(beat(old)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(beat(stranger)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect((await sync(old)).errorCode).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect((await sync(stranger)).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(group.checkCommit(old.memberId, old.generationId, null)).toBe(
      ErrorCode.ILLEGAL_GENERATION,
    );
    expect(group.checkCommit('', -1, null)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(group.checkCommit(a.memberId, a.generationId, null)).toBe(ErrorCode.NONE);
  });

  it('takes commits during a rebalance until the new generation begins', async () => {
    const [a] = (await stableWith(1)) as [JoinResult];
    const second = join();
    expect(group.checkCommit(a.memberId, 1, null)).toBe(ErrorCode.NONE);
    const again = await join({ memberId: a.memberId });
    await second;
    expect(group.checkCommit(a.memberId, 1, null)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(group.checkCommit(a.memberId, again.generationId, null)).toBe(
      ErrorCode.REBALANCE_IN_PROGRESS,
    );
  });

  it('takes commits from outside only while nobody is a member', async () => {
    expect(group.checkCommit('', -1, null)).toBe(ErrorCode.NONE);
    await stableWith(1);
    expect(group.checkCommit('', -1, null)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('expires a member that does not beat, and rebalances the rest', async () => {
    const [a, b] = (await stableWith(2)) as [JoinResult, JoinResult];
    await clock.advance(SESSION - 1);
    expect(beat(a)).toBe(ErrorCode.NONE);
    await clock.advance(1);
    expect(group.state).toBe('PreparingRebalance');
    expect(beat(b)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(beat(a)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const again = await join({ memberId: a.memberId });
    expect(again.members).toHaveLength(1);
    expect(again.leader).toBe(a.memberId);
  });

  it('is kept alive by commits as by heartbeats', async () => {
    const [a] = (await stableWith(1)) as [JoinResult];
    for (let n = 0; n < 5; n++) {
      await clock.advance(SESSION - 1);
      expect(group.checkCommit(a.memberId, a.generationId, null)).toBe(ErrorCode.NONE);
    }
    expect(group.state).toBe('Stable');
  });

  it('is empty when the last member expired, with a generation of its own', async () => {
    await stableWith(1);
    await clock.advance(SESSION);
    expect(group.state).toBe('Empty');
    expect(group.isEmpty).toBe(true);
    expect(generations).toEqual([1, 2]);
    expect(clock.pending).toBe(0);
  });

  it('goes on without those that did not rejoin in time', async () => {
    const [a, b] = (await stableWith(2)) as [JoinResult, JoinResult];
    const newcomer = join();
    const again = join({ memberId: a.memberId });
    for (let ms = 0; ms < REBALANCE; ms += SESSION / 2) {
      expect(beat(b)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
      await clock.advance(SESSION / 2);
    }
    expect((await again).generationId).toBe((await newcomer).generationId);
    expect(beat(b)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('does not wait for ever for a leader that beats but does not assign', async () => {
    const [a] = (await stableWith(1)) as [JoinResult];
    const [follower, leader] = await Promise.all([join(), join({ memberId: a.memberId })]);
    const waiting = sync(follower);
    for (let ms = 0; ms < REBALANCE; ms += SESSION / 2) {
      beat(leader);
      await clock.advance(SESSION / 2);
    }
    expect((await waiting).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(beat(leader)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect((await join({ memberId: follower.memberId })).leader).toBe(follower.memberId);
  });

  it('rebalances at once when a member leaves', async () => {
    const [a, b] = (await stableWith(2)) as [JoinResult, JoinResult];
    expect(group.leave(b.memberId, null)).toBe(ErrorCode.NONE);
    expect(group.leave(b.memberId, null)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(beat(a)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect((await join({ memberId: a.memberId })).members).toHaveLength(1);
  });

  it('completes a rebalance when the last one it waits for leaves', async () => {
    const [a, b] = (await stableWith(2)) as [JoinResult, JoinResult];
    const again = join({ memberId: a.memberId });
    expect(group.state).toBe('PreparingRebalance');
    group.leave(b.memberId, null);
    expect((await again).members).toHaveLength(1);
  });

  it('answers a follower or a joiner whose answer was lost without a new rebalance', async () => {
    const [a] = (await stableWith(1)) as [JoinResult];
    const [follower, leader] = await Promise.all([join(), join({ memberId: a.memberId })]);
    expect((await join({ memberId: follower.memberId })).generationId).toBe(2);
    await Promise.all([sync(follower), sync(leader)]);
    expect((await join({ memberId: follower.memberId })).generationId).toBe(2);
    expect(group.state).toBe('Stable');
    // The leader joining again asks for a rebalance: its view of the topics may have changed.
    void join({ memberId: leader.memberId });
    expect(group.state).toBe('PreparingRebalance');
  });

  it('rebalances when a follower subscribes to something else', async () => {
    const [, b] = (await stableWith(2)) as [JoinResult, JoinResult];
    void join({
      memberId: b.memberId,
      protocols: [{ name: 'range', metadata: Buffer.from('other') }],
    });
    expect(group.state).toBe('PreparingRebalance');
  });

  it('chooses the protocol that most prefer among those all know', async () => {
    const protocols = (...names: string[]) =>
      names.map((name) => ({ name, metadata: Buffer.from(name) }));
    const delayed = (group = make(1_000));
    const joins = [
      join({ protocols: protocols('a', 'b', 'c') }),
      join({ protocols: protocols('b', 'c') }),
      join({ protocols: protocols('d', 'c', 'b') }),
    ];
    expect(delayed.state).toBe('PreparingRebalance');
    await clock.advance(1_000);
    const results = await Promise.all(joins);
    expect(results.map(({ protocolName }) => protocolName)).toEqual(['b', 'b', 'b']);
    expect(results[0]?.members.map(({ metadata }) => metadata.toString())).toEqual(['b', 'b', 'b']);
  });

  it.each([
    ['another type', { protocolType: 'connect' }],
    ['no common protocol', { protocols: [{ name: 'other', metadata: Buffer.alloc(0) }] }],
    ['no protocol', { protocols: [] }],
    ['no type', { protocolType: '' }],
  ])('refuses a joiner with %s', async (_what, change) => {
    await stableWith(1);
    expect((await join(change)).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(group.state).toBe('Stable');
  });

  it('may be used for another type once it is empty', async () => {
    const [a] = (await stableWith(1)) as [JoinResult];
    group.leave(a.memberId, null);
    expect((await join({ protocolType: 'connect' })).protocolType).toBe('connect');
  });

  it('gathers the members of a new group for the initial delay', async () => {
    group = make(3_000);
    const joins = [join(), join(), join()];
    await clock.advance(2_999);
    expect(group.state).toBe('PreparingRebalance');
    await clock.advance(1);
    expect((await Promise.all(joins)).map(({ generationId }) => generationId)).toEqual([1, 1, 1]);
  });

  it('refuses members beyond the limit', async () => {
    group = make(0, 1);
    await stableWith(1);
    expect((await join()).errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  });

  it('counts generations on from those of before a restart', async () => {
    group = new ConsumerGroup('g', { clock, initialRebalanceDelay: 0, maxMembers: 1 }, 41);
    expect((await join()).generationId).toBe(42);
  });

  it('refuses a sync that expects another protocol', async () => {
    const member = await join();
    const answer = await group.sync(member.memberId, 1, null, [], {
      protocolType: 'consumer',
      protocolName: 'other',
    });
    expect(answer.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  it('tells all who wait when it closes, and leaves no timer', async () => {
    const [a, b] = (await stableWith(2)) as [JoinResult, JoinResult];
    const joining = join({ memberId: a.memberId });
    await join({ requiresKnownId: true });
    group.close();
    expect((await joining).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(beat(b)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect((await join()).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(clock.pending).toBe(0);
  });

  it('tells followers when it closes before the leader assigned', async () => {
    group = make(10);
    const joins = [join(), join()];
    await clock.advance(10);
    const [, follower] = (await Promise.all(joins)) as [JoinResult, JoinResult];
    const waiting = sync(follower);
    group.close();
    expect((await waiting).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});
