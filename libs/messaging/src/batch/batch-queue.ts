import type { Cancel, Clock } from '@rookery/core';
import type { Slots } from '../consumer/slots.js';
import type { BatchSize } from './batch-message.js';

/** What a {@link BatchQueue} needs. */
export interface BatchQueueParts<T> {
  readonly size: BatchSize;
  /** The limit that a running batch counts for. */
  readonly slots: Slots;
  readonly clock: Clock;
  /** Runs a batch. Resolves with nothing, or with what is to be run again after a pause. */
  readonly run: (items: readonly T[]) => Promise<Again<T> | undefined>;
}

/** What is left of a batch. */
export interface Again<T> {
  readonly items: readonly T[];
  readonly afterMs: number;
}

const FAILED_PAUSE_MS = 1_000;

/**
 * Gathers what arrives of one partition for one handler: a batch is full, or has waited long enough
 * for its first message. One batch runs at a time, so that batches keep the order of keys.
 */
export class BatchQueue<T> {
  readonly #waiting: T[] = [];
  #timer: Cancel | undefined;
  /** Ends the pause before a batch is run again. */
  #wake: (() => void) | undefined;
  #overdue = false;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(private readonly parts: BatchQueueParts<T>) {}

  add(item: T): void {
    if (this.#stopped) return;
    this.#waiting.push(item);
    this.#arm();
  }

  /** Begins nothing any more and forgets what waits; resolves when what runs has returned. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    this.#wake?.();
    this.#waiting.length = 0;
    await this.#running;
  }

  #arm(): void {
    const { size, clock } = this.parts;
    if (this.#stopped || this.#running !== undefined || this.#waiting.length === 0) return;
    if (this.#overdue || this.#waiting.length >= size.max) {
      this.#begin();
      return;
    }
    this.#timer ??= clock.after(size.waitMs, () => {
      this.#timer = undefined;
      this.#overdue = true;
      this.#arm();
    });
  }

  readonly #begin = (): void => {
    const { slots } = this.parts;
    if (this.#stopped || this.#running !== undefined || this.#waiting.length === 0) return;
    if (!slots.take(this.#begin)) return;
    this.#timer?.();
    this.#timer = undefined;
    this.#overdue = false;
    this.#running = this.#run().then(() => {
      this.#running = undefined;
      slots.release();
      this.#arm();
    });
  };

  async #run(): Promise<void> {
    const { size, clock, run } = this.parts;
    let items: readonly T[] = this.#waiting.splice(0, size.max);
    while (items.length > 0 && !this.#stopped) {
      // What fails unexpectedly must not end the queue, or the partition would stand still.
      const again = await run(items).catch(() => ({ items, afterMs: FAILED_PAUSE_MS }));
      if (again === undefined || this.#stopped) return;
      ({ items } = again);
      await new Promise<void>((resolve) => {
        const cancel = clock.after(again.afterMs, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }
}
