import type { Clock } from '@rookery/core';
import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import type { SegmentStore } from '../storage/segment-bytes.js';
import { controlBatch, outcomeOf, type EndMarker } from './control-batch.js';
import { ProducerLedger } from './producer-ledger.js';
import {
  batchSizeAt,
  placeBatch,
  readBatchHeader,
  validateBatch,
  type BatchHeader,
} from './record-batch.js';
import { firstRecordSince } from './record-time.js';
import { Segment } from './segment.js';
import { TransactionIndex, type AbortedTransaction } from './transaction-index.js';

/** The configs of a topic that its logs obey. Sizes in bytes, times in milliseconds, -1 no limit. */
export interface LogConfig {
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly retentionBytes: number;
  readonly retentionMs: number;
}

/** Where a batch is in the log. */
export interface Appended {
  readonly baseOffset: number;
  /** Stored by an earlier request whose answer the producer did not get. */
  readonly duplicate: boolean;
}

/** What a partition log is made of. */
export interface PartitionLogOptions {
  readonly store: SegmentStore;
  /** Asked at each use, so that altered configs take effect at once. */
  readonly config: () => LogConfig;
  readonly clock: Clock;
  /** Whether an append waits for the device. */
  readonly fsync?: boolean;
  /** Lowest offset left by an earlier {@link PartitionLog.deleteBefore}. */
  readonly startOffset?: number;
  /** The epoch of who leads the partition at an append. Default 0. */
  readonly leaderEpoch?: () => number;
  readonly log?: (line: string) => void;
}

/** An append-only log of record batches. Appends and reads are synchronous: nothing interleaves. */
export class PartitionLog {
  readonly #segments: Segment[] = [];
  readonly #producers = new ProducerLedger();
  readonly #transactions = new TransactionIndex();
  readonly #waiting = new Set<() => void>();
  readonly #unsynced = new Set<Segment>();
  #deletedBefore: number;
  #syncing: Promise<void> | undefined;

  constructor(private readonly options: PartitionLogOptions) {
    this.#deletedBefore = options.startOffset ?? 0;
    this.#load();
  }

  /** Lowest offset that can be read. */
  get startOffset(): number {
    return Math.max(this.#deletedBefore, this.#segments[0]?.baseOffset ?? 0);
  }

  /** Offset of the next record; with one replica it is also the high watermark. */
  get endOffset(): number {
    return this.#active.nextOffset;
  }

  /** Last stable offset: all below it is committed or aborted, or belongs to no transaction. */
  get stableOffset(): number {
    const open = this.#transactions.firstOpenOffset;
    return open === undefined ? this.endOffset : Math.max(open, this.startOffset);
  }

  /** Bytes of all segments. */
  get size(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Stores one batch; `batch` is changed in place.
   *
   * @param admit looks at the header of an intact batch and throws to refuse it
   * @throws ProtocolError when the batch is not acceptable, or an error of the file system
   */
  append(batch: Buffer | null, admit?: (sent: BatchHeader) => void): Appended {
    const sent = validateBatch(batch, this.options.config().maxMessageBytes);
    admit?.(sent);
    if (!sent.transactional && this.#transactions.isOpen(sent.producerId)) {
      throw new ProtocolError(
        ErrorCode.INVALID_TXN_STATE,
        `producer ${sent.producerId} has a transaction open, its batch is not part of it`,
      );
    }
    const known = this.#producers.check(sent);
    if (known !== undefined) return { baseOffset: known, duplicate: true };
    return { baseOffset: this.#store(sent, batch as Buffer), duplicate: false };
  }

  /** Writes the marker that ends a producer's transaction, also when it wrote nothing here. */
  endTransaction(marker: EndMarker): void {
    const batch = controlBatch(marker);
    this.#store(readBatchHeader(batch), batch);
  }

  /** Whether a producer has a transaction open here. */
  isOpen(producerId: number): boolean {
    return this.#transactions.isOpen(producerId);
  }

  /** Producers with a transaction open here. */
  openProducers(): { producerId: number; epoch: number }[] {
    return this.#transactions.open();
  }

  /** Resolves when all appended so far is as durable as the fsync option asks. */
  async durable(): Promise<void> {
    if (this.options.fsync !== true) return;
    // One running sync may have begun before our append; the one after it covers us and all others
    // that wait by then.
    const running = this.#syncing;
    if (running !== undefined) await running.catch(() => {});
    this.#syncing ??= this.#sync().finally(() => (this.#syncing = undefined));
    await this.#syncing;
  }

  /**
   * Whole batches from the one that holds `offset`, none that begins at `before` or later.
   *
   * @throws ProtocolError OFFSET_OUT_OF_RANGE
   */
  read(offset: number, maxBytes: number, atLeastOne: boolean, before = this.endOffset): Buffer {
    if (offset < this.startOffset || offset > this.endOffset) {
      throw new ProtocolError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `offset ${offset} is outside ${this.startOffset}..${this.endOffset}`,
      );
    }
    if (offset >= before) return Buffer.alloc(0);
    // A segment may end in a gap, so the offset may lie in the one after.
    for (let at = this.#segmentFor(offset); at < this.#segments.length; at++) {
      const segment = this.#segments[at] as Segment;
      if (segment.nextOffset > offset) {
        return segment.read(offset, maxBytes, atLeastOne, before);
      }
    }
    return Buffer.alloc(0);
  }

  /** Aborted transactions that have a part in `batches`, which were read from `offset`. */
  abortedIn(offset: number, batches: Buffer): AbortedTransaction[] {
    if (batches.length === 0 || !this.#transactions.anyAbortedFrom(offset)) return [];
    let last = 0;
    for (let at = 0; at < batches.length; at += batchSizeAt(batches, at) as number) last = at;
    return this.#transactions.abortedIn(offset, readBatchHeader(batches, last).lastOffset + 1);
  }

  /** The first record not older than `timestamp`, `undefined` if all are. */
  find(timestamp: number): { offset: number; timestamp: number } | undefined {
    for (const segment of this.#segments) {
      if (segment.maxTimestamp < timestamp) continue;
      for (const { header, bytes } of segment.batches(0)) {
        if (header.maxTimestamp < timestamp || header.lastOffset < this.startOffset) continue;
        return firstRecordSince(header, bytes, timestamp);
      }
    }
    return undefined;
  }

  /** The latest timestamp in the log and an offset that has it. */
  newest(): { offset: number; timestamp: number } | undefined {
    const timestamp = Math.max(-1, ...this.#segments.map(({ maxTimestamp }) => maxTimestamp));
    return timestamp < 0 ? undefined : this.find(timestamp);
  }

  /** Calls `wake` after each append until the returned function is called. */
  onAppend(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => void this.#waiting.delete(wake);
  }

  /** Wakes who waits for appends to look again, because the partition has changed otherwise. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Makes records below `offset` unreadable and drops the segments that hold no others. */
  deleteBefore(offset: number): void {
    this.#deletedBefore = Math.max(this.#deletedBefore, offset);
    if (this.#active.nextOffset <= offset && this.#active.size > 0) this.#roll();
    this.#drop((segment) => segment.nextOffset <= offset);
  }

  /** Drops segments that are beyond the topic's retention. Runs with each append; no timer. */
  enforceRetention(): void {
    const { retentionBytes, retentionMs } = this.options.config();
    if (retentionMs >= 0) {
      const oldest = this.options.clock.now() - retentionMs;
      this.#drop((segment) => segment.maxTimestamp >= 0 && segment.maxTimestamp < oldest);
    }
    if (retentionBytes >= 0) {
      let excess = this.size - retentionBytes;
      this.#drop((segment) => {
        excess -= segment.size;
        return excess >= 0;
      });
    }
  }

  /** Leaves all so that the next load need not scan. */
  async close(): Promise<void> {
    const active = this.#active;
    await this.#sync();
    if (active.size > 0) this.#summarize(active);
    for (const { bytes } of this.#segments) bytes.close();
  }

  /** Deletes the log; who waits for appends is woken to find out. */
  remove(): void {
    for (const { bytes } of this.#segments) bytes.remove();
    this.options.store.remove();
    this.wake();
  }

  get #active(): Segment {
    return this.#segments.at(-1) as Segment;
  }

  #load(): void {
    const { store, clock, log } = this.options;
    const now = clock.now();
    for (const baseOffset of store.list()) {
      const segment = new Segment(baseOffset, store.open(baseOffset));
      const cut = segment.recover(
        ({ producers, transactions }) => {
          this.#producers.restore(producers);
          this.#transactions.restore(transactions);
        },
        (batch, bytes) => this.#note(batch, bytes, now),
      );
      if (cut > 0) log?.(`cut ${cut} bytes of an incomplete write at offset ${segment.nextOffset}`);
      this.#segments.push(segment);
    }
    if (this.#segments.length === 0) this.#open(this.#deletedBefore);
    if (this.#active.nextOffset < this.#deletedBefore) this.#open(this.#deletedBefore);
    this.enforceRetention();
  }

  /** Appends an acceptable batch and returns its first offset. */
  #store(sent: BatchHeader, batch: Buffer): number {
    const baseOffset = this.endOffset;
    const header = { ...sent, baseOffset, lastOffset: baseOffset + sent.recordCount - 1 };
    placeBatch(batch, baseOffset, this.options.leaderEpoch?.() ?? 0);
    if (this.#isFull(header, this.options.config())) this.#roll();
    this.#active.append(header, batch);
    this.#unsynced.add(this.#active);
    this.#note(header, batch, this.options.clock.now());
    this.enforceRetention();
    this.wake();
    return baseOffset;
  }

  /** What a batch in the log says of its producer. */
  #note(header: BatchHeader, bytes: Buffer, now: number): void {
    this.#producers.record(header, now);
    if (!header.transactional) return;
    this.#transactions.record(header, header.control ? outcomeOf(bytes) : undefined);
  }

  #summarize(segment: Segment): void {
    segment.summarize({
      producers: this.#producers.snapshot(),
      transactions: this.#transactions.snapshot(segment.baseOffset),
    });
  }

  #isFull(batch: BatchHeader, config: LogConfig): boolean {
    const { size, minTimestamp } = this.#active;
    if (size === 0) return false;
    // Age is measured in the records' own time, as in Kafka: old records come in full segments too.
    return (
      size + batch.size > config.segmentBytes ||
      batch.maxTimestamp - minTimestamp > config.segmentMs
    );
  }

  #roll(): void {
    const full = this.#active;
    this.#summarize(full);
    this.#open(full.nextOffset);
    // The producers are known still when the segments before this one are dropped.
    this.#summarize(this.#active);
  }

  async #sync(): Promise<void> {
    const dirty = [...this.#unsynced];
    this.#unsynced.clear();
    await Promise.all(
      dirty.map(async (segment) => {
        try {
          await segment.bytes.sync();
        } catch (error) {
          if (!this.#segments.includes(segment)) return;
          this.#unsynced.add(segment);
          throw error;
        }
      }),
    );
  }

  #open(baseOffset: number): void {
    this.#segments.push(new Segment(baseOffset, this.options.store.open(baseOffset)));
  }

  /** Drops the oldest segments as long as `expired`, never the active one. */
  #drop(expired: (segment: Segment) => boolean): void {
    while (this.#segments.length > 1 && expired(this.#segments[0] as Segment)) {
      const dropped = this.#segments.shift() as Segment;
      this.#unsynced.delete(dropped);
      dropped.bytes.remove();
      this.#transactions.forgetBefore(this.startOffset);
    }
  }

  #segmentFor(offset: number): number {
    for (let at = this.#segments.length - 1; at > 0; at--) {
      if ((this.#segments[at] as Segment).baseOffset <= offset) return at;
    }
    return 0;
  }
}
