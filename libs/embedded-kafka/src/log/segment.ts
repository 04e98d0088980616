import type { SegmentBytes } from '../storage/segment-bytes.js';
import type { LedgerSnapshot } from './producer-ledger.js';
import type { TransactionSnapshot } from './transaction-index.js';
import {
  BATCH_HEADER_BYTES,
  baseOffsetAt,
  batchSizeAt,
  isIntact,
  readBatchHeader,
  type BatchHeader,
} from './record-batch.js';

/** Distance of index entries, as Kafka's index.interval.bytes. */
const INDEX_INTERVAL_BYTES = 4_096;
/** How much is read at a time when walking through a segment. */
const WINDOW_BYTES = 1_048_576;

interface SegmentSummary {
  readonly size: number;
  readonly nextOffset: number;
  readonly minTimestamp: number;
  readonly maxTimestamp: number;
  readonly index: readonly (readonly [offset: number, position: number])[];
  /** State of the producers at the end of this segment. */
  readonly producers: LedgerSnapshot;
  /** Missing in segments of before transactions were served. */
  readonly transactions?: TransactionSnapshot;
}

/** What the batches up to the end of a segment amount to. */
export interface ProducerState {
  readonly producers: LedgerSnapshot;
  readonly transactions: TransactionSnapshot;
}

/** A batch found while walking through a segment. */
export interface FoundBatch {
  readonly header: BatchHeader;
  readonly position: number;
  readonly bytes: Buffer;
}

/** A stretch of a log: its bytes and what is known of them. */
export class Segment {
  nextOffset: number;
  maxTimestamp = -1;
  /** Timestamp of the first batch, from which its age counts for rolling. */
  minTimestamp = -1;
  #index: [offset: number, position: number][] = [];
  #indexedTo = -INDEX_INTERVAL_BYTES;

  constructor(
    readonly baseOffset: number,
    readonly bytes: SegmentBytes,
  ) {
    this.nextOffset = baseOffset;
  }

  get size(): number {
    return this.bytes.size;
  }

  /** Appends a batch that has its offset already. */
  append(header: BatchHeader, batch: Buffer): void {
    const position = this.bytes.size;
    this.bytes.append(batch);
    this.#note(header, position);
  }

  /**
   * Finds out what the bytes hold: from the summary as far as it goes, then by reading. A tail that
   * was not written completely is cut off.
   *
   * @param restore called first with the state that a summary had, if there is one
   * @param onBatch called for each batch that no summary covers
   * @returns how many bytes were cut off
   */
  recover(
    restore: (state: ProducerState) => void,
    onBatch: (header: BatchHeader, bytes: Buffer) => void,
  ): number {
    const summary = this.bytes.loadSummary() as SegmentSummary | undefined;
    let end = 0;
    if (summary?.transactions !== undefined && summary.size <= this.bytes.size) {
      const { producers, transactions } = summary;
      this.#adopt(summary);
      restore({ producers, transactions });
      end = summary.size;
    } else if (summary !== undefined) {
      // It would seem to fit again once as much is appended behind the cut.
      this.bytes.dropSummary();
    }
    for (const { header, position, bytes } of this.batches(end)) {
      if (header.baseOffset < this.nextOffset || !isIntact(bytes)) break;
      this.#note(header, position);
      onBatch(header, bytes);
      end = position + header.size;
    }
    const cut = this.bytes.size - end;
    if (cut > 0) this.bytes.truncate(end);
    return cut;
  }

  /** Keeps what {@link recover} would find out. */
  summarize(state: ProducerState): void {
    const summary: SegmentSummary = {
      size: this.bytes.size,
      nextOffset: this.nextOffset,
      minTimestamp: this.minTimestamp,
      maxTimestamp: this.maxTimestamp,
      index: this.#index,
      ...state,
    };
    this.bytes.saveSummary(summary);
  }

  /** Complete batches from `position`, in order. */
  *batches(position: number): Generator<FoundBatch> {
    let at = position;
    while (at < this.bytes.size) {
      let window = this.bytes.read(at, WINDOW_BYTES);
      const first = batchSizeAt(window, 0);
      if (first === undefined || first > this.bytes.size - at) return;
      if (first > window.length) window = this.bytes.read(at, first);
      let inner = 0;
      for (;;) {
        const size = batchSizeAt(window, inner);
        if (size === undefined || inner + size > window.length) break;
        const bytes = window.subarray(inner, inner + size);
        yield { header: readBatchHeader(bytes), position: at + inner, bytes };
        inner += size;
      }
      if (inner === 0) return;
      at += inner;
    }
  }

  /**
   * Whole batches from the one that holds `offset`, together at most `maxBytes`; the first one even
   * if it is larger when `atLeastOne`. None begins at `before` or later.
   */
  read(offset: number, maxBytes: number, atLeastOne: boolean, before: number): Buffer {
    const position = this.#positionOf(offset);
    if (position === undefined) return Buffer.alloc(0);
    let bytes = this.bytes.read(position, Math.max(maxBytes, BATCH_HEADER_BYTES));
    const first = batchSizeAt(bytes, 0);
    if (first === undefined) return Buffer.alloc(0);
    if (first > maxBytes) return atLeastOne ? this.bytes.read(position, first) : Buffer.alloc(0);
    const limited = before < this.nextOffset;
    let end = 0;
    for (;;) {
      const size = batchSizeAt(bytes, end);
      if (size === undefined || end + size > Math.min(bytes.length, maxBytes)) break;
      if (limited && baseOffsetAt(bytes, end) >= before) break;
      end += size;
    }
    if (end < bytes.length) bytes = bytes.subarray(0, end);
    return bytes;
  }

  #adopt(summary: SegmentSummary): void {
    this.nextOffset = summary.nextOffset;
    this.minTimestamp = summary.minTimestamp;
    this.maxTimestamp = summary.maxTimestamp;
    this.#index = summary.index.map(([offset, position]) => [offset, position]);
    this.#indexedTo = this.#index.at(-1)?.[1] ?? this.#indexedTo;
  }

  #positionOf(offset: number): number | undefined {
    let low = 0;
    let high = this.#index.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#index[middle]?.[0] ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    for (const { header, position } of this.#headers(this.#index[low]?.[1] ?? 0)) {
      if (header.lastOffset >= offset) return position;
    }
    return undefined;
  }

  /** Like {@link batches} without reading the records: index gaps are short. */
  *#headers(from: number): Generator<{ header: BatchHeader; position: number }> {
    let position = from;
    while (position + BATCH_HEADER_BYTES <= this.bytes.size) {
      const header = readBatchHeader(this.bytes.read(position, BATCH_HEADER_BYTES));
      yield { header, position };
      position += header.size;
    }
  }

  #note(header: BatchHeader, position: number): void {
    if (position - this.#indexedTo >= INDEX_INTERVAL_BYTES) {
      this.#index.push([header.baseOffset, position]);
      this.#indexedTo = position;
    }
    this.nextOffset = header.lastOffset + 1;
    if (this.minTimestamp < 0) this.minTimestamp = header.maxTimestamp;
    this.maxTimestamp = Math.max(this.maxTimestamp, header.maxTimestamp);
  }
}
