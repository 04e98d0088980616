import { VirtualClock } from '@rookery/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ErrorCode } from '../protocol/error-code.js';
import { ConsumerGroup, type JoinRequest } from './consumer-group.js';
import type { JoinResult } from './group-member.js';

describe('static members of a group', () => {
  let clock: VirtualClock;
  let group: ConsumerGroup;

  const make = (initialRebalanceDelay = 0): ConsumerGroup =>
    new ConsumerGroup('g', { clock, initialRebalanceDelay, maxMembers: 10 });

  const join = (change: Partial<JoinRequest>): Promise<JoinResult> =>
    group.join({
      memberId: '',
      groupInstanceId: null,
      clientId: 'c',
      clientHost: 'h',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('m') }],
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      requiresKnownId: false,
      ...change,
    });

  beforeEach(() => {
    clock = new VirtualClock();
    group = make();
  });

  const instance = { groupInstanceId: 'i' };

  it('take over their place without a rebalance, and fence the former process', async () => {
    const first = await join(instance);
    await group.sync(
      first.memberId,
      1,
      'i',
      [{ memberId: first.memberId, assignment: Buffer.from('mine') }],
      { protocolType: null, protocolName: null },
    );
    const second = await join(instance);
    expect(second).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true });
    expect(second.memberId).not.toBe(first.memberId);
    expect(group.state).toBe('Stable');
    const synced = await group.sync(second.memberId, 1, 'i', [], {
      protocolType: null,
      protocolName: null,
    });
    expect(synced.assignment.toString()).toBe('mine');
    expect(group.heartbeat(first.memberId, 1, 'i')).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect((await join({ ...instance, memberId: first.memberId })).errorCode).toBe(
      ErrorCode.FENCED_INSTANCE_ID,
    );
  });

  it('rebalance when they come back with another subscription', async () => {
    const first = await join(instance);
    await group.sync(first.memberId, 1, 'i', [], { protocolType: null, protocolName: null });
    const second = await join({
      ...instance,
      protocols: [{ name: 'range', metadata: Buffer.from('new') }],
    });
    expect(second.generationId).toBe(2);
  });

  it('end the join that their former process still waits for', async () => {
    group = make(1_000);
    const former = join(instance);
    const current = join(instance);
    expect((await former).errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    await clock.advance(1_000);
    expect((await current).errorCode).toBe(0);
  });

  it('can be removed by their instance id', async () => {
    await join(instance);
    expect(group.leave('', 'other')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(group.leave('', 'i')).toBe(ErrorCode.NONE);
    expect(group.isEmpty).toBe(true);
  });
});
