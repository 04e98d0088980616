import type { Cancel, Clock } from '@rookery/core';
import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import type { Journal } from '../storage/journal.js';
import {
  checkOwner,
  checkProducer,
  complete,
  expire,
  holds,
  initialize,
  join,
  prepare,
  unused,
  type IdleTransaction,
  type OngoingTransaction,
  type Outcome,
  type Participants,
  type PreparedTransaction,
  type ProducerIdentity,
  type Transaction,
} from './transaction-state.js';

/** Longest time a transaction may ask for, as Kafka's transaction.max.timeout.ms. */
const MAX_TIMEOUT_MS = 900_000;
/** An unused id is forgotten after this long, as Kafka's transactional.id.expiration.ms. */
const EXPIRES_AFTER_MS = 7 * 86_400_000;
/** Until a marker that could not be written is tried again. */
const RETRY_MS = 1_000;
const MAX_TRANSACTIONAL_IDS = 10_000;

/** Carries outcomes to where transactions take effect. */
export interface Settlement {
  /**
   * Applies the outcome to all participants; resolves when that is as durable as a produce. May be
   * repeated after a failure or a restart.
   *
   * @param repeated whether some participants may know the outcome already
   */
  settle(
    producer: ProducerIdentity,
    participants: Participants,
    outcome: Outcome,
    repeated: boolean,
  ): Promise<void>;
}

/** What a {@link TransactionCoordinator} needs. */
export interface TransactionCoordinatorOptions {
  readonly journal: Journal<Transaction>;
  readonly clock: Clock;
  readonly nextProducerId: () => number;
  readonly settlement: Settlement;
  readonly log: (line: string) => void;
  /** Ids at a time. Default 10,000. */
  readonly maxTransactionalIds?: number;
}

/** All transactional ids; this broker coordinates every one. */
export class TransactionCoordinator {
  readonly #timers = new Map<string, Cancel>();
  readonly #finishing = new Set<Promise<void>>();
  #closed = false;

  constructor(private readonly options: TransactionCoordinatorOptions) {}

  /** Takes up what an earlier broker left: decided transactions end, open ones go on. */
  recover(): void {
    const { clock, journal } = this.options;
    for (const [id, transaction] of journal.entries()) {
      if (transaction.state === 'Ongoing') {
        this.#limit(id, transaction);
      } else if (isPrepared(transaction)) {
        void this.#finish(id, transaction, true);
      } else if (isIdle(transaction) && clock.now() - transaction.updatedAt > EXPIRES_AFTER_MS) {
        this.#expire(id, transaction);
      }
    }
  }

  /** Producers whose transaction has not ended. */
  openProducers(): Set<number> {
    const open = [...this.options.journal.entries()].filter(([, one]) => !isIdle(one));
    return new Set(open.map(([, { producerId }]) => producerId));
  }

  entries(): Iterable<readonly [id: string, transaction: Transaction]> {
    return this.options.journal.entries();
  }

  get(id: string): Transaction | undefined {
    return this.options.journal.get(id);
  }

  /**
   * Hands the id to a producer; older ones with it are fenced. What they have open is aborted first,
   * and the producer asks again.
   *
   * @throws ProtocolError when the timeout is not allowed, `expected` is fenced or the id is busy
   */
  async initialize(
    id: string,
    request: { readonly timeoutMs: number; readonly expected?: ProducerIdentity | undefined },
  ): Promise<ProducerIdentity> {
    const { clock, nextProducerId } = this.options;
    const { timeoutMs, expected } = request;
    if (timeoutMs <= 0 || timeoutMs > MAX_TIMEOUT_MS) {
      throw new ProtocolError(
        ErrorCode.INVALID_TRANSACTION_TIMEOUT,
        `a transaction may take 1 to ${MAX_TIMEOUT_MS} ms, not ${timeoutMs}`,
      );
    }
    const transaction = this.get(id) ?? this.#open(id, timeoutMs);
    if (expected !== undefined) checkOwner(transaction, expected);
    if (transaction.state === 'Ongoing') {
      await this.#end(id, transaction, 'abort', true);
      throw new ProtocolError(ErrorCode.CONCURRENT_TRANSACTIONS, `${id}: aborted, ask again`);
    }
    const next = initialize(settled(id, transaction), request, nextProducerId, clock.now());
    this.#save(id, next);
    return next;
  }

  /**
   * Adds partitions and groups to the producer's transaction, which begins with the first ones.
   *
   * @throws ProtocolError
   */
  join(id: string, producer: ProducerIdentity, added: Participants): void {
    const known = this.#ofProducer(id, producer);
    const transaction = known.state === 'Ongoing' ? known : settled(id, known);
    const joined = join(transaction, added, this.options.clock.now());
    const isNew =
      transaction.state !== 'Ongoing' ||
      joined.partitions.length > transaction.partitions.length ||
      joined.groups.length > transaction.groups.length;
    if (!isNew) return;
    this.#save(id, joined);
    if (transaction.state !== 'Ongoing') this.#limit(id, joined);
  }

  /**
   * Ends the producer's transaction; the same end again is no error.
   *
   * @throws ProtocolError
   */
  async end(id: string, producer: ProducerIdentity, outcome: Outcome): Promise<void> {
    const transaction = this.#ofProducer(id, producer);
    switch (transaction.state) {
      case 'Ongoing':
        return this.#end(id, transaction, outcome, false);
      case outcome === 'commit' ? 'CompleteCommit' : 'CompleteAbort':
        return undefined;
      case outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort':
        throw busy(id, transaction);
      default:
        throw new ProtocolError(
          ErrorCode.INVALID_TXN_STATE,
          `${id}: cannot ${outcome} in state ${transaction.state}`,
        );
    }
  }

  /**
   * Checks that the producer's open transaction was told of a partition.
   *
   * @throws ProtocolError
   */
  checkPartition(id: string, producer: ProducerIdentity, topic: string, index: number): void {
    const { partitions } = this.#ongoing(id, producer);
    if (!holds(partitions, topic, index)) throw notAdded(id, `${topic}-${index}`);
  }

  /**
   * Checks that the producer's open transaction was told of a group.
   *
   * @throws ProtocolError
   */
  checkGroup(id: string, producer: ProducerIdentity, group: string): void {
    if (!this.#ongoing(id, producer).groups.includes(group)) throw notAdded(id, `group ${group}`);
  }

  /** Ends all timers; resolves when no outcome is on its way. Transactions go on after a restart. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    await Promise.all(this.#finishing);
  }

  #ofProducer(id: string, producer: ProducerIdentity): Transaction {
    const transaction = this.get(id);
    if (transaction === undefined) {
      throw new ProtocolError(ErrorCode.INVALID_PRODUCER_ID_MAPPING, `${id} is not known`);
    }
    checkProducer(transaction, producer);
    return transaction;
  }

  #ongoing(id: string, producer: ProducerIdentity): OngoingTransaction {
    const transaction = this.#ofProducer(id, producer);
    if (transaction.state === 'Ongoing') return transaction;
    settled(id, transaction);
    throw new ProtocolError(
      ErrorCode.INVALID_TXN_STATE,
      `${id}: no transaction is open in state ${transaction.state}`,
    );
  }

  #open(id: string, timeoutMs: number): IdleTransaction {
    const { clock, journal, maxTransactionalIds = MAX_TRANSACTIONAL_IDS } = this.options;
    const ids = [...journal.entries()];
    if (ids.length >= maxTransactionalIds) this.#expireOldest(ids);
    return unused(this.options.nextProducerId(), timeoutMs, clock.now());
  }

  #expireOldest(ids: readonly [string, Transaction][]): void {
    let oldest: [string, IdleTransaction] | undefined;
    for (const [id, transaction] of ids) {
      if (!isIdle(transaction)) continue;
      if (oldest === undefined || transaction.updatedAt < oldest[1].updatedAt) {
        oldest = [id, transaction];
      }
    }
    if (oldest === undefined) {
      throw new ProtocolError(
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        `all ${ids.length} transactional ids have a transaction open`,
      );
    }
    this.#expire(...oldest);
  }

  #expire(id: string, transaction: IdleTransaction): void {
    this.#save(id, expire(transaction));
  }

  #end(
    id: string,
    transaction: OngoingTransaction,
    outcome: Outcome,
    fence: boolean,
  ): Promise<void> {
    const prepared = prepare(transaction, outcome, this.options.clock.now(), fence);
    this.#save(id, prepared);
    return this.#finish(id, prepared, false);
  }

  /** Brings the outcome to all participants, again and again if need be. */
  #finish(id: string, transaction: PreparedTransaction, repeated: boolean): Promise<void> {
    const finishing = this.#settle(id, transaction, repeated).finally(() =>
      this.#finishing.delete(finishing),
    );
    this.#finishing.add(finishing);
    return finishing;
  }

  async #settle(id: string, transaction: PreparedTransaction, repeated: boolean): Promise<void> {
    const { clock, log, settlement } = this.options;
    const outcome = transaction.state === 'PrepareCommit' ? 'commit' : 'abort';
    try {
      await settlement.settle(transaction, transaction, outcome, repeated);
      this.#save(id, complete(transaction, clock.now()));
    } catch (error) {
      log(`transaction ${id}: cannot ${outcome} yet: ${(error as Error).message}`);
      this.#after(id, RETRY_MS, () => void this.#finish(id, transaction, true));
    }
  }

  /** Aborts the transaction when its time is up. */
  #limit(id: string, { startedAt, timeoutMs }: OngoingTransaction): void {
    const left = Math.max(0, startedAt + timeoutMs - this.options.clock.now());
    this.#after(id, left, () => {
      const transaction = this.get(id);
      if (transaction?.state !== 'Ongoing') return;
      this.options.log(`transaction ${id}: aborted after its timeout of ${timeoutMs} ms`);
      try {
        void this.#end(id, transaction, 'abort', true);
      } catch (error) {
        this.options.log(`transaction ${id}: cannot abort: ${(error as Error).message}`);
        this.#after(id, RETRY_MS, () => this.#limit(id, transaction));
      }
    });
  }

  #after(id: string, ms: number, act: () => void): void {
    this.#timers.get(id)?.();
    if (this.#closed) return;
    const cancel = this.options.clock.after(ms, () => {
      this.#timers.delete(id);
      act();
    });
    this.#timers.set(id, cancel);
  }

  #save(id: string, transaction: Transaction): void {
    const { journal } = this.options;
    if (transaction.state === 'Dead') journal.delete(id);
    else journal.set(id, transaction);
    if (transaction.state === 'Ongoing') return;
    this.#timers.get(id)?.();
    this.#timers.delete(id);
  }
}

function isPrepared(transaction: Transaction): transaction is PreparedTransaction {
  return transaction.state === 'PrepareCommit' || transaction.state === 'PrepareAbort';
}

function isIdle(transaction: Transaction): transaction is IdleTransaction {
  return (
    !isPrepared(transaction) && transaction.state !== 'Ongoing' && transaction.state !== 'Dead'
  );
}

/** @throws ProtocolError CONCURRENT_TRANSACTIONS when an outcome is on its way */
function settled(id: string, transaction: Transaction): IdleTransaction {
  if (isIdle(transaction)) return transaction;
  throw busy(id, transaction);
}

function busy(id: string, { state }: Transaction): ProtocolError {
  return new ProtocolError(ErrorCode.CONCURRENT_TRANSACTIONS, `${id} is in state ${state}`);
}

function notAdded(id: string, what: string): ProtocolError {
  return new ProtocolError(
    ErrorCode.INVALID_TXN_STATE,
    `${id}: ${what} was not added to the transaction`,
  );
}
