import { settle, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { ErrorCode, type ProtocolError } from '../protocol/error-code.js';
import { Journal } from '../storage/journal.js';
import { TransactionCoordinator } from './transaction-coordinator.js';
import type { Participants, ProducerIdentity, Transaction } from './transaction-state.js';

const codeOf = async (act: () => unknown): Promise<number | undefined> => {
  try {
    await act();
    return undefined;
  } catch (error) {
    return (error as ProtocolError).errorCode;
  }
};

const t0: Participants = { partitions: [['t', 0]], groups: [] };
const request = { timeoutMs: 1_000 };

function setUp(maxTransactionalIds?: number) {
  const clock = new VirtualClock();
  const journal = new Journal<Transaction>();
  const settled: string[] = [];
  const lines: string[] = [];
  /** Why settling fails, and who waits for it. */
  const fault: { error?: Error | undefined; hold?: Promise<void> | undefined } = {};
  let ids = 0;
  const open = (): TransactionCoordinator =>
    new TransactionCoordinator({
      journal,
      clock,
      nextProducerId: () => ++ids,
      log: (line) => lines.push(line),
      ...(maxTransactionalIds === undefined ? {} : { maxTransactionalIds }),
      settlement: {
        async settle({ producerId, epoch }, { partitions, groups }, outcome, repeated) {
          await fault.hold;
          if (fault.error !== undefined) throw fault.error;
          const who = [...partitions.map((one) => one.join('-')), ...groups].join();
          settled.push(`${outcome} ${who} ${producerId}:${epoch}${repeated ? ' again' : ''}`);
        },
      },
    });
  return { clock, journal, settled, lines, fault, open, coordinator: open() };
}

describe('TransactionCoordinator', () => {
  it('brings the outcome to all participants, then begins anew', async () => {
    const { coordinator, settled, clock } = setUp();
    const producer = await coordinator.initialize('x', request);
    expect(producer).toMatchObject({ producerId: 1, epoch: 0 });
    coordinator.join('x', producer, t0);
    coordinator.join('x', producer, { partitions: [['t', 1]], groups: ['g'] });
    await coordinator.end('x', producer, 'commit');
    expect(coordinator.get('x')?.state).toBe('CompleteCommit');
    coordinator.join('x', producer, t0);
    await coordinator.end('x', producer, 'abort');
    expect(settled).toEqual(['commit t-0,t-1,g 1:0', 'abort t-0 1:0']);
    expect(clock.pending).toBe(0);
  });

  it('takes the same end twice, and no other one', async () => {
    const { coordinator, settled } = setUp();
    const producer = await coordinator.initialize('x', request);
    expect(await codeOf(() => coordinator.end('x', producer, 'commit'))).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
    for (const [one, other] of [
      ['commit', 'abort'],
      ['abort', 'commit'],
    ] as const) {
      coordinator.join('x', producer, t0);
      await coordinator.end('x', producer, one);
      await coordinator.end('x', producer, one);
      expect(await codeOf(() => coordinator.end('x', producer, other))).toBe(
        ErrorCode.INVALID_TXN_STATE,
      );
    }
    expect(settled).toHaveLength(2);
  });

  it('is busy while an outcome is on its way', async () => {
    const { coordinator, fault } = setUp();
    const producer = await coordinator.initialize('x', request);
    coordinator.join('x', producer, t0);
    let release = (): void => {};
    fault.hold = new Promise((resolve) => (release = resolve));
    const ending = coordinator.end('x', producer, 'commit');
    const busy = ErrorCode.CONCURRENT_TRANSACTIONS;
    expect(await codeOf(() => coordinator.join('x', producer, t0))).toBe(busy);
    expect(await codeOf(() => coordinator.end('x', producer, 'commit'))).toBe(busy);
    expect(await codeOf(() => coordinator.initialize('x', request))).toBe(busy);
    expect(await codeOf(() => coordinator.checkPartition('x', producer, 't', 0))).toBe(busy);
    expect(await codeOf(() => coordinator.end('x', producer, 'abort'))).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
    release();
    await ending;
    coordinator.join('x', producer, t0);
  });

  it('fences the producer before and aborts what it has open', async () => {
    const { coordinator, settled } = setUp();
    const old = await coordinator.initialize('x', request);
    coordinator.join('x', old, t0);
    expect(await codeOf(() => coordinator.initialize('x', request))).toBe(
      ErrorCode.CONCURRENT_TRANSACTIONS,
    );
    expect(settled).toEqual(['abort t-0 1:1']);
    const next = await coordinator.initialize('x', request);
    expect(next).toMatchObject({ producerId: 1, epoch: 2 });
    for (const act of [
      () => coordinator.join('x', old, t0),
      () => coordinator.end('x', old, 'commit'),
      () => coordinator.checkPartition('x', old, 't', 0),
      () => coordinator.checkGroup('x', old, 'g'),
    ]) {
      expect(await codeOf(act)).toBe(ErrorCode.PRODUCER_FENCED);
    }
  });

  it('knows what was added to an open transaction, and nothing else', async () => {
    const { coordinator } = setUp();
    const producer = await coordinator.initialize('x', request);
    const checks = [
      () => coordinator.checkPartition('x', producer, 't', 0),
      () => coordinator.checkPartition('x', producer, 't', 1),
      () => coordinator.checkPartition('x', producer, 'u', 0),
      () => coordinator.checkGroup('x', producer, 'g'),
      () => coordinator.checkGroup('x', producer, 'h'),
    ];
    const codes = (): Promise<(number | undefined)[]> => Promise.all(checks.map(codeOf));
    const no = ErrorCode.INVALID_TXN_STATE;
    expect(await codes()).toEqual([no, no, no, no, no]);
    coordinator.join('x', producer, { ...t0, groups: ['g'] });
    expect(await codes()).toEqual([undefined, no, no, undefined, no]);
    await coordinator.end('x', producer, 'commit');
    expect(await codes()).toEqual([no, no, no, no, no]);
  });

  it('refuses who is not the producer of the id', async () => {
    const { coordinator } = setUp();
    const { producerId, epoch } = await coordinator.initialize('x', request);
    const stranger: ProducerIdentity = { producerId: producerId + 1, epoch };
    for (const [id, who] of [
      ['x', stranger],
      ['unknown', { producerId, epoch }],
    ] as const) {
      expect(await codeOf(() => coordinator.join(id, who, t0))).toBe(
        ErrorCode.INVALID_PRODUCER_ID_MAPPING,
      );
    }
    const expected = stranger;
    expect(await codeOf(() => coordinator.initialize('x', { ...request, expected }))).toBe(
      ErrorCode.PRODUCER_FENCED,
    );
  });

  it.each([0, -1, 900_001])('refuses a timeout of %i ms', async (timeoutMs) => {
    const { coordinator } = setUp();
    expect(await codeOf(() => coordinator.initialize('x', { timeoutMs }))).toBe(
      ErrorCode.INVALID_TRANSACTION_TIMEOUT,
    );
  });

  it('aborts at the timeout from the beginning, not from the last addition', async () => {
    const { clock, coordinator, settled, lines } = setUp();
    const producer = await coordinator.initialize('x', request);
    await clock.advance(5_000);
    coordinator.join('x', producer, t0);
    await clock.advance(999);
    coordinator.join('x', producer, { partitions: [['t', 1]], groups: [] });
    expect(settled).toEqual([]);
    await clock.advance(1);
    expect(settled).toEqual(['abort t-0,t-1 1:1']);
    expect(lines).toEqual(['transaction x: aborted after its timeout of 1000 ms']);
    expect(await codeOf(() => coordinator.end('x', producer, 'commit'))).toBe(
      ErrorCode.PRODUCER_FENCED,
    );
    // The producer itself may go on with the epoch it was fenced by.
    const next = await coordinator.initialize('x', { ...request, expected: producer });
    expect(next.epoch).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('keeps no timer of a transaction that ended in time', async () => {
    const { clock, coordinator, settled } = setUp();
    const producer = await coordinator.initialize('x', request);
    coordinator.join('x', producer, t0);
    expect(clock.pending).toBe(1);
    await coordinator.end('x', producer, 'commit');
    expect(clock.pending).toBe(0);
    await clock.advance(10_000);
    expect(settled).toHaveLength(1);
  });

  it('tries again when an outcome cannot be written', async () => {
    const { clock, coordinator, settled, lines, fault } = setUp();
    const producer = await coordinator.initialize('x', request);
    coordinator.join('x', producer, t0);
    fault.error = new Error('disk full');
    await coordinator.end('x', producer, 'commit');
    expect(coordinator.get('x')?.state).toBe('PrepareCommit');
    await clock.advance(1_000);
    expect(lines).toEqual(Array(2).fill('transaction x: cannot commit yet: disk full'));
    fault.error = undefined;
    await clock.advance(1_000);
    expect(settled).toEqual(['commit t-0 1:0 again']);
    expect(coordinator.get('x')?.state).toBe('CompleteCommit');
    expect(clock.pending).toBe(0);
  });

  it('goes on after a restart: the decided end, the open ones keep their time', async () => {
    const { clock, coordinator, settled, fault, open } = setUp();
    const [a, b] = [
      await coordinator.initialize('a', request),
      await coordinator.initialize('b', request),
    ];
    coordinator.join('a', a, t0);
    coordinator.join('b', b, t0);
    fault.error = new Error('disk full');
    await coordinator.end('a', a, 'commit');
    await coordinator.close();
    expect(clock.pending).toBe(0);
    fault.error = undefined;
    await clock.advance(600);

    const second = open();
    expect([...second.openProducers()]).toEqual([1, 2]);
    second.recover();
    await settle();
    expect(settled).toEqual(['commit t-0 1:0 again']);
    second.checkPartition('b', b, 't', 0);
    await second.close();
    await clock.advance(600);

    const third = open();
    third.recover();
    await clock.advance(0);
    expect(settled.slice(1)).toEqual(['abort t-0 2:1']);
    expect(third.openProducers().size).toBe(0);
    await third.close();
  });

  it('waits with closing for the outcome on its way', async () => {
    const { coordinator, fault } = setUp();
    const producer = await coordinator.initialize('x', request);
    coordinator.join('x', producer, t0);
    let release = (): void => {};
    fault.hold = new Promise((resolve) => (release = resolve));
    void coordinator.end('x', producer, 'commit');
    let closed = false;
    const closing = coordinator.close().then(() => (closed = true));
    await settle();
    expect(closed).toBe(false);
    release();
    await closing;
    expect(coordinator.get('x')?.state).toBe('CompleteCommit');
  });

  it('forgets the longest unused id when there are too many, never one that is open', async () => {
    const { clock, coordinator } = setUp(2);
    const a = await coordinator.initialize('a', request);
    await clock.advance(1);
    const b = await coordinator.initialize('b', request);
    coordinator.join('a', a, t0);
    await coordinator.initialize('c', request);
    expect([...coordinator.entries()].map(([id]) => id)).toEqual(['a', 'c']);
    expect(await codeOf(() => coordinator.join('b', b, t0))).toBe(
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    );
    coordinator.join('c', await coordinator.initialize('c', request), t0);
    expect(await codeOf(() => coordinator.initialize('d', request))).toBe(
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
    );
  });

  it('forgets ids at start that nobody used for a week', async () => {
    const { clock, coordinator, open } = setUp();
    await coordinator.initialize('old', request);
    await clock.advance(7 * 86_400_000);
    await coordinator.initialize('new', request);
    await clock.advance(1);
    const next = open();
    next.recover();
    expect([...next.entries()].map(([id]) => id)).toEqual(['new']);
  });
});
