import type { EndMarker } from './control-batch.js';
import type { BatchHeader } from './record-batch.js';

/** A transaction whose records readers of committed ones have to leave out. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of its marker. */
  readonly lastOffset: number;
  /** All below it was decided when this one ended. */
  readonly stableOffset: number;
}

interface OpenTransaction {
  readonly firstOffset: number;
  readonly epoch: number;
}

/** A transaction index as kept beside a segment. */
export interface TransactionSnapshot {
  /** Open at the end of the segment. */
  readonly open: readonly (readonly [producerId: number, open: OpenTransaction])[];
  /** Ended within the segment. */
  readonly aborted: readonly AbortedTransaction[];
}

/** The transactions of one partition: those that are open, and those that were aborted. */
export class TransactionIndex {
  /** In the order of their first offsets. */
  readonly #open = new Map<number, OpenTransaction>();
  /** In the order of their markers. */
  #aborted: AbortedTransaction[] = [];

  /** Where the oldest open transaction begins. */
  get firstOpenOffset(): number | undefined {
    for (const { firstOffset } of this.#open.values()) return firstOffset;
    return undefined;
  }

  isOpen(producerId: number): boolean {
    return this.#open.has(producerId);
  }

  open(): { producerId: number; epoch: number }[] {
    return [...this.#open].map(([producerId, { epoch }]) => ({ producerId, epoch }));
  }

  /** Notes a transactional batch that is in the log now; for a marker, with its outcome. */
  record(batch: BatchHeader, outcome: EndMarker['outcome'] | undefined): void {
    const { producerId, producerEpoch, baseOffset } = batch;
    const open = this.#open.get(producerId);
    if (outcome === undefined) {
      if (open === undefined) {
        this.#open.set(producerId, { firstOffset: baseOffset, epoch: producerEpoch });
      }
      return;
    }
    this.#open.delete(producerId);
    if (outcome === 'commit' || open === undefined) return;
    this.#aborted.push({
      producerId,
      firstOffset: open.firstOffset,
      lastOffset: baseOffset,
      stableOffset: this.firstOpenOffset ?? baseOffset + 1,
    });
  }

  /** Whether a transaction was aborted by a marker at `offset` or later. */
  anyAbortedFrom(offset: number): boolean {
    return this.#firstEndingAt(offset) < this.#aborted.length;
  }

  /** Aborted transactions with records from `from` to before `to`. */
  abortedIn(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (let at = this.#firstEndingAt(from); at < this.#aborted.length; at++) {
      const one = this.#aborted[at] as AbortedTransaction;
      if (one.firstOffset < to) found.push(one);
      // Those that ended later began at this offset or after.
      if (one.stableOffset >= to) break;
    }
    return found;
  }

  /** Drops what ended below `offset`. */
  forgetBefore(offset: number): void {
    const kept = this.#firstEndingAt(offset);
    if (kept > 0) this.#aborted = this.#aborted.slice(kept);
  }

  /** What is open, and what was aborted by markers from `since` on. */
  snapshot(since: number): TransactionSnapshot {
    return { open: [...this.#open], aborted: this.#aborted.slice(this.#firstEndingAt(since)) };
  }

  /** Goes on behind a segment. */
  restore({ open, aborted }: TransactionSnapshot): void {
    this.#open.clear();
    for (const [producerId, one] of open) this.#open.set(producerId, one);
    this.#aborted.push(...aborted);
  }

  #firstEndingAt(offset: number): number {
    let low = 0;
    let high = this.#aborted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#aborted[middle] as AbortedTransaction).lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
