import { ErrorCode, ProtocolError } from '../protocol/error-code.js';

/** How a transaction ends. */
export type Outcome = 'commit' | 'abort';

/** A partition by its topic's name. */
export type TopicPartition = readonly [topic: string, index: number];

/** What a transaction touches. */
export interface Participants {
  readonly partitions: readonly TopicPartition[];
  /** Groups whose offsets it commits. */
  readonly groups: readonly string[];
}

/** What a producer says it is. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly epoch: number;
}

/** What is known of a transactional id in every state. */
interface Known extends ProducerIdentity {
  /** The epoch before, by which a repeated request for a new one is recognised; -1 for none. */
  readonly lastEpoch: number;
  /** The id before its epochs were used up; -1 for none. */
  readonly lastProducerId: number;
  readonly timeoutMs: number;
  readonly updatedAt: number;
}

interface Open extends Known, Participants {
  readonly startedAt: number;
}

/** Nothing is open: a producer may begin, or a new one may take the id over. */
export type IdleTransaction = Known & {
  readonly state: 'Empty' | 'CompleteCommit' | 'CompleteAbort';
};
export type OngoingTransaction = Open & { readonly state: 'Ongoing' };
/** The outcome is decided; not all participants know it yet. */
export type PreparedTransaction = Open & { readonly state: 'PrepareCommit' | 'PrepareAbort' };
/** The id was forgotten. */
export type DeadTransaction = Known & { readonly state: 'Dead' };

/** A transactional id and where its transaction stands, after KIP-98. */
export type Transaction =
  IdleTransaction | OngoingTransaction | PreparedTransaction | DeadTransaction;
export type TransactionState = Transaction['state'];

/** The states that may follow each. */
export const NEXT_STATES: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  Empty: ['Empty', 'Ongoing', 'Dead'],
  Ongoing: ['Ongoing', 'PrepareCommit', 'PrepareAbort'],
  PrepareCommit: ['CompleteCommit'],
  PrepareAbort: ['CompleteAbort'],
  CompleteCommit: ['Empty', 'Ongoing', 'Dead'],
  CompleteAbort: ['Empty', 'Ongoing', 'Dead'],
  Dead: [],
};

const NONE = -1;
/** Epochs are 16 bits wide; the last one is kept to fence the one before. */
const LAST_EPOCH = 32_766;

/** A transactional id seen for the first time; {@link initialize} gives it its first epoch. */
export function unused(producerId: number, timeoutMs: number, now: number): IdleTransaction {
  return {
    state: 'Empty',
    producerId,
    epoch: NONE,
    lastEpoch: NONE,
    lastProducerId: NONE,
    timeoutMs,
    updatedAt: now,
  };
}

/**
 * Hands the id to a producer that starts, or that asks for its next epoch (KIP-360). A repeated
 * request for the next epoch gets the same answer.
 *
 * @param nextProducerId called when the epochs of the present producer id are used up
 * @throws ProtocolError PRODUCER_FENCED when `expected` is an older producer
 */
export function initialize(
  transaction: IdleTransaction,
  request: { readonly timeoutMs: number; readonly expected?: ProducerIdentity | undefined },
  nextProducerId: () => number,
  now: number,
): IdleTransaction {
  const { expected, timeoutMs } = request;
  const { producerId, epoch, lastEpoch } = transaction;
  const update = { timeoutMs, updatedAt: now };
  if (epoch >= LAST_EPOCH) {
    return moved(transaction, {
      ...identity(transaction),
      ...update,
      state: 'Empty',
      producerId: nextProducerId(),
      lastProducerId: producerId,
      epoch: 0,
      lastEpoch: expected?.epoch ?? NONE,
    });
  }
  const repeated = expected !== undefined && epoch !== NONE && expected.epoch !== epoch;
  if (repeated && expected.epoch !== lastEpoch) {
    throw fenced(expected, transaction);
  }
  return moved(transaction, {
    ...identity(transaction),
    ...update,
    state: 'Empty',
    epoch: repeated ? epoch : epoch + 1,
    lastEpoch: repeated ? lastEpoch : (expected?.epoch ?? NONE),
  });
}

/** Begins a transaction, or adds to the one that is open. */
export function join(
  transaction: IdleTransaction | OngoingTransaction,
  added: Participants,
  now: number,
): OngoingTransaction {
  const open = transaction.state === 'Ongoing' ? transaction : undefined;
  const partitions = [...(open?.partitions ?? [])];
  for (const one of added.partitions) if (!holds(partitions, ...one)) partitions.push(one);
  return moved(transaction, {
    ...identity(transaction),
    state: 'Ongoing',
    startedAt: open?.startedAt ?? now,
    updatedAt: now,
    partitions,
    groups: [...new Set([...(open?.groups ?? []), ...added.groups])],
  });
}

/**
 * Decides the outcome.
 *
 * @param fence gives the id an epoch of its own, so that the producer can write no more until it
 *   asks for that epoch (KIP-588)
 */
export function prepare(
  transaction: OngoingTransaction,
  outcome: Outcome,
  now: number,
  fence = false,
): PreparedTransaction {
  return moved(transaction, {
    ...transaction,
    state: outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort',
    ...(fence ? { epoch: transaction.epoch + 1, lastEpoch: transaction.epoch } : {}),
    updatedAt: now,
  });
}

/** All participants know the outcome. */
export function complete(transaction: PreparedTransaction, now: number): IdleTransaction {
  return moved(transaction, {
    ...identity(transaction),
    state: transaction.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    updatedAt: now,
  });
}

/** Forgets an id that nobody uses. */
export function expire(transaction: IdleTransaction): DeadTransaction {
  return moved(transaction, { ...identity(transaction), state: 'Dead' });
}

/** Whether the transaction writes to the partition. */
export function holds(
  partitions: readonly TopicPartition[],
  topic: string,
  index: number,
): boolean {
  return partitions.some(([name, number]) => name === topic && number === index);
}

/** @throws ProtocolError INVALID_PRODUCER_ID_MAPPING or PRODUCER_FENCED */
export function checkProducer(transaction: Transaction, producer: ProducerIdentity): void {
  if (producer.producerId !== transaction.producerId) {
    throw new ProtocolError(
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
      `the transactional id belongs to producer ${transaction.producerId}, not ${producer.producerId}`,
    );
  }
  if (producer.epoch !== transaction.epoch) throw fenced(producer, transaction);
}

/** @throws ProtocolError PRODUCER_FENCED when the id never was or is no longer the producer's */
export function checkOwner(transaction: Transaction, expected: ProducerIdentity): void {
  const { producerId, lastProducerId, epoch } = transaction;
  const known =
    epoch === NONE ||
    expected.producerId === producerId ||
    (expected.producerId === lastProducerId && expected.epoch >= LAST_EPOCH);
  if (!known) throw fenced(expected, transaction);
}

function fenced(producer: ProducerIdentity, { producerId, epoch }: Transaction): ProtocolError {
  return new ProtocolError(
    ErrorCode.PRODUCER_FENCED,
    `producer ${producer.producerId} with epoch ${producer.epoch} was replaced by ` +
      `${producerId} with epoch ${epoch}`,
  );
}

/** The part that every state has. */
function identity(transaction: Known): Known {
  const { producerId, epoch, lastEpoch, lastProducerId, timeoutMs, updatedAt } = transaction;
  return { producerId, epoch, lastEpoch, lastProducerId, timeoutMs, updatedAt };
}

function moved<T extends Transaction>(from: Transaction, to: T): T {
  if (!NEXT_STATES[from.state].includes(to.state)) {
    throw new Error(`a transaction cannot go from ${from.state} to ${to.state}`);
  }
  return to;
}
