import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import type { BatchHeader } from './record-batch.js';

/** How many batches per producer can be recognised again; clients keep at most 5 in flight. */
const REMEMBERED_BATCHES = 5;
/** Sequence numbers are 31 bits wide and start again at 0. */
const SEQUENCES = 2 ** 31;
/** Forgotten after this long without a batch, as Kafka's producer.id.expiration.ms. */
const EXPIRES_AFTER_MS = 86_400_000;
/** Producers remembered per partition; the longest silent ones go first. */
const MAX_PRODUCERS = 1_000;

interface SeenBatch {
  readonly first: number;
  readonly last: number;
  readonly baseOffset: number;
}

interface Producer {
  epoch: number;
  seenAt: number;
  batches: SeenBatch[];
}

/** A ledger as kept beside a segment. */
export type LedgerSnapshot = readonly (readonly [id: number, producer: Readonly<Producer>])[];

/**
 * What a partition remembers of idempotent producers: enough to answer a repeated batch with its
 * first offset and to refuse a gap. Follows the rules of KIP-98 and KIP-360; a producer unknown
 * here may begin at any sequence, because retention may have removed its batches.
 */
export class ProducerLedger {
  readonly #producers = new Map<number, Producer>();

  /**
   * The offset at which this very batch was stored before, or `undefined` when it is new.
   *
   * @throws ProtocolError INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE
   */
  check(batch: BatchHeader): number | undefined {
    const producer = this.#producers.get(batch.producerId);
    if (batch.producerId < 0 || producer === undefined) return undefined;
    if (batch.producerEpoch < producer.epoch) {
      throw new ProtocolError(
        ErrorCode.INVALID_PRODUCER_EPOCH,
        `epoch ${batch.producerEpoch} of producer ${batch.producerId} was replaced by ${producer.epoch}`,
      );
    }
    if (batch.producerEpoch > producer.epoch) return expectSequence(batch, 0);
    const last = lastSequence(batch);
    const seen = producer.batches.find(
      (one) => one.first === batch.baseSequence && one.last === last,
    );
    if (seen !== undefined) return seen.baseOffset;
    const newest = producer.batches.at(-1);
    return expectSequence(batch, newest === undefined ? 0 : (newest.last + 1) % SEQUENCES);
  }

  /** Remembers a batch that is in the log now, in the order of the log; a marker for its epoch. */
  record(batch: BatchHeader, now: number): void {
    if (batch.producerId < 0) return;
    let producer = this.#producers.get(batch.producerId);
    // A marker says nothing of sequences: one unknown until now may still begin anywhere.
    if (batch.control && producer === undefined) return;
    if (producer === undefined || producer.epoch !== batch.producerEpoch) {
      producer = { epoch: batch.producerEpoch, seenAt: now, batches: [] };
    }
    producer.seenAt = now;
    if (!batch.control) {
      producer.batches.push({
        first: batch.baseSequence,
        last: lastSequence(batch),
        baseOffset: batch.baseOffset,
      });
    }
    if (producer.batches.length > REMEMBERED_BATCHES) producer.batches.shift();
    // Insertion order is order of last use: the first entries are the ones to forget.
    this.#producers.delete(batch.producerId);
    this.#producers.set(batch.producerId, producer);
    this.#forget(now);
  }

  snapshot(): LedgerSnapshot {
    return [...this.#producers].map(([id, producer]) => [
      id,
      { ...producer, batches: [...producer.batches] },
    ]);
  }

  restore(snapshot: LedgerSnapshot): void {
    this.#producers.clear();
    for (const [id, producer] of snapshot) {
      this.#producers.set(id, { ...producer, batches: [...producer.batches] });
    }
  }

  #forget(now: number): void {
    for (const [id, { seenAt }] of this.#producers) {
      if (this.#producers.size <= MAX_PRODUCERS && now - seenAt <= EXPIRES_AFTER_MS) return;
      this.#producers.delete(id);
    }
  }
}

function lastSequence(batch: BatchHeader): number {
  return (batch.baseSequence + batch.recordCount - 1) % SEQUENCES;
}

function expectSequence(batch: BatchHeader, expected: number): undefined {
  if (batch.baseSequence === expected) return undefined;
  throw new ProtocolError(
    ErrorCode.OUT_OF_ORDER_SEQUENCE,
    `producer ${batch.producerId} sent sequence ${batch.baseSequence}, expected ${expected}`,
  );
}
