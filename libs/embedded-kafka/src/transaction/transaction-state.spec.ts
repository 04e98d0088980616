import { describe, expect, it } from 'vitest';
import { ErrorCode, type ProtocolError } from '../protocol/error-code.js';
import {
  checkOwner,
  checkProducer,
  complete,
  expire,
  initialize,
  join,
  prepare,
  unused,
  type IdleTransaction,
  type OngoingTransaction,
  type PreparedTransaction,
  type Transaction,
  type TransactionState,
} from './transaction-state.js';

const codeOf = (fn: () => unknown): number | undefined => {
  try {
    fn();
    return undefined;
  } catch (error) {
    return (error as ProtocolError).errorCode;
  }
};

const noProducerId = (): number => {
  throw new Error('no new producer id is needed');
};
const start = { timeoutMs: 1_000 };
const empty = initialize(unused(7, 1_000, 0), start, noProducerId, 1);
const ongoing = join(empty, { partitions: [['t', 0]], groups: ['g'] }, 2);

/** One transaction in each state. */
const IN_STATE: Record<TransactionState, Transaction> = {
  Empty: empty,
  Ongoing: ongoing,
  PrepareCommit: prepare(ongoing, 'commit', 3),
  PrepareAbort: prepare(ongoing, 'abort', 3),
  CompleteCommit: complete(prepare(ongoing, 'commit', 3), 4),
  CompleteAbort: complete(prepare(ongoing, 'abort', 3), 4),
  Dead: expire(empty),
};
const STATES = Object.keys(IN_STATE) as TransactionState[];

/** Each move, and where it leads from the states that allow it. */
const MOVES: [
  name: string,
  move: (from: never) => Transaction,
  to: Partial<Record<TransactionState, TransactionState>>,
][] = [
  [
    'initialize',
    (from: IdleTransaction) => initialize(from, start, noProducerId, 9),
    { Empty: 'Empty', CompleteCommit: 'Empty', CompleteAbort: 'Empty' },
  ],
  [
    'join',
    (from: IdleTransaction | OngoingTransaction) => join(from, { partitions: [], groups: [] }, 9),
    { Empty: 'Ongoing', Ongoing: 'Ongoing', CompleteCommit: 'Ongoing', CompleteAbort: 'Ongoing' },
  ],
  [
    'prepare to commit',
    (from: OngoingTransaction) => prepare(from, 'commit', 9),
    { Ongoing: 'PrepareCommit' },
  ],
  [
    'prepare to abort',
    (from: OngoingTransaction) => prepare(from, 'abort', 9),
    { Ongoing: 'PrepareAbort' },
  ],
  [
    'complete',
    (from: PreparedTransaction) => complete(from, 9),
    { PrepareCommit: 'CompleteCommit', PrepareAbort: 'CompleteAbort' },
  ],
  [
    'expire',
    (from: IdleTransaction) => expire(from),
    { Empty: 'Dead', CompleteCommit: 'Dead', CompleteAbort: 'Dead' },
  ],
];

describe.each(MOVES)('to %s', (_name, move, to) => {
  it.each(STATES)('from %s', (state) => {
    const from = structuredClone(IN_STATE[state]);
    const expected = to[state];
    if (expected === undefined) {
      expect(() => move(from as never)).toThrow(/cannot go from/);
    } else {
      expect(move(from as never).state).toBe(expected);
    }
    expect(from).toEqual(IN_STATE[state]);
  });
});

describe('the producer of a transactional id', () => {
  it('has epoch 0 at first, and each that starts has the next one', () => {
    expect(empty).toMatchObject({ producerId: 7, epoch: 0, lastEpoch: -1 });
    const second = initialize(empty, { timeoutMs: 5 }, noProducerId, 2);
    expect(second).toMatchObject({ producerId: 7, epoch: 1, timeoutMs: 5, updatedAt: 2 });
  });

  it('gets its next epoch by its present one, the same again when it repeats that', () => {
    const ask = (from: IdleTransaction, epoch: number): IdleTransaction =>
      initialize(from, { ...start, expected: { producerId: 7, epoch } }, noProducerId, 2);
    const next = ask(empty, 0);
    expect(next).toMatchObject({ epoch: 1, lastEpoch: 0 });
    expect(ask(next, 0)).toMatchObject({ epoch: 1, lastEpoch: 0 });
    expect(ask(next, 1)).toMatchObject({ epoch: 2, lastEpoch: 1 });
    expect(codeOf(() => ask(ask(next, 1), 0))).toBe(ErrorCode.PRODUCER_FENCED);
  });

  it('gets another producer id when its epochs are used up, the same again when it repeats', () => {
    const last = { ...empty, epoch: 32_766 };
    const expected = { producerId: 7, epoch: 32_766 };
    const fresh = initialize(last, { ...start, expected }, () => 8, 2);
    expect(fresh).toMatchObject({ producerId: 8, epoch: 0, lastProducerId: 7 });
    expect(() => checkOwner(fresh, expected)).not.toThrow();
    const repeated = initialize(fresh, { ...start, expected }, noProducerId, 3);
    expect(repeated).toMatchObject({ producerId: 8, epoch: 0 });
  });

  it('is fenced with an epoch of its own, which it may ask for', () => {
    const aborted = complete(prepare(ongoing, 'abort', 3, true), 4);
    expect(aborted.epoch).toBe(1);
    expect(codeOf(() => checkProducer(aborted, { producerId: 7, epoch: 0 }))).toBe(
      ErrorCode.PRODUCER_FENCED,
    );
    const expected = { producerId: 7, epoch: 0 };
    expect(initialize(aborted, { ...start, expected }, noProducerId, 5).epoch).toBe(1);
    expect(initialize(aborted, start, noProducerId, 5).epoch).toBe(2);
  });

  it('can be fenced in the last epoch too', () => {
    const fenced = prepare({ ...ongoing, epoch: 32_766 }, 'abort', 3, true);
    expect(fenced.epoch).toBe(32_767);
    expect(initialize(complete(fenced, 4), start, () => 8, 5)).toMatchObject({
      producerId: 8,
      epoch: 0,
    });
  });

  it.each([
    [{ producerId: 8, epoch: 0 }, ErrorCode.INVALID_PRODUCER_ID_MAPPING],
    [{ producerId: 7, epoch: 1 }, ErrorCode.PRODUCER_FENCED],
    [{ producerId: 7, epoch: 0 }, undefined],
  ])('is told apart from %j', (producer, code) => {
    expect(codeOf(() => checkProducer(empty, producer))).toBe(code);
  });

  it('may not be claimed by another one, unless nobody had it yet', () => {
    const other = { producerId: 8, epoch: 0 };
    expect(codeOf(() => checkOwner(empty, other))).toBe(ErrorCode.PRODUCER_FENCED);
    expect(codeOf(() => checkOwner(unused(7, 1, 0), other))).toBeUndefined();
    expect(codeOf(() => checkOwner(empty, { producerId: 7, epoch: 5 }))).toBeUndefined();
  });
});

describe('the participants of a transaction', () => {
  it('are kept once each, from its beginning to its end', () => {
    const more = join(
      ongoing,
      {
        partitions: [
          ['t', 0],
          ['t', 1],
          ['u', 0],
        ],
        groups: ['g', 'h'],
      },
      8,
    );
    expect(more).toMatchObject({
      startedAt: 2,
      updatedAt: 8,
      partitions: [
        ['t', 0],
        ['t', 1],
        ['u', 0],
      ],
      groups: ['g', 'h'],
    });
    const prepared = prepare(more, 'commit', 9);
    expect(prepared).toMatchObject({ partitions: more.partitions, groups: more.groups });
    expect(complete(prepared, 10)).toEqual({
      state: 'CompleteCommit',
      producerId: 7,
      epoch: 0,
      lastEpoch: -1,
      lastProducerId: -1,
      timeoutMs: 1_000,
      updatedAt: 10,
    });
  });

  it('start anew with the next transaction', () => {
    const next = join(
      complete(prepare(ongoing, 'abort', 3), 4),
      { partitions: [['u', 0]], groups: [] },
      5,
    );
    expect(next).toMatchObject({ startedAt: 5, partitions: [['u', 0]], groups: [] });
  });
});
