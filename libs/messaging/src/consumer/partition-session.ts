import type { Clock } from '@rookery/core';
import type { TopicPartition } from '@rookery/kafka';
import { KeyedLanes, type LaneTask } from './keyed-lanes.js';
import { OffsetTracker } from './offset-tracker.js';

/** One partition for as long as this member owns it: its lanes, and what of it is finished. */
export class PartitionSession {
  readonly tracker = new OffsetTracker();
  readonly #lanes: KeyedLanes;
  readonly #attached: { stop(): Promise<void> }[] = [];
  readonly #fence = new AbortController();
  paused = false;
  committed: number | undefined;
  #stopped = false;

  constructor(
    readonly at: TopicPartition,
    private readonly clock: Clock,
  ) {
    this.#lanes = new KeyedLanes(clock);
  }

  /** Aborts when handlers had all the time there was and the partition goes to another member. */
  get fence(): AbortSignal {
    return this.#fence.signal;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The offset to commit, when it is ahead of what was committed. */
  get uncommitted(): number | undefined {
    const { position } = this.tracker;
    return position === this.committed ? undefined : position;
  }

  /** Whether something that was pushed under the key has yet to end. */
  busy(key: string): boolean {
    return this.#lanes.has(key);
  }

  /** Adds something that gathers messages, which is stopped with the session. */
  attach(part: { stop(): Promise<void> }): void {
    this.#attached.push(part);
  }

  /** Adds what is to be done for one record, after all earlier records of the key. */
  push(key: string, tasks: readonly LaneTask[]): void {
    this.#lanes.push(key, tasks);
  }

  /** Lets what runs finish, at most for `drainMs`, then fences it. Nothing else begins. */
  async stop(drainMs: number): Promise<void> {
    this.#stopped = true;
    const finished = Promise.all([
      this.#lanes.stop(),
      ...this.#attached.map((part) => part.stop()),
    ]);
    let cancel = (): void => {};
    const expired = new Promise<void>((resolve) => (cancel = this.clock.after(drainMs, resolve)));
    await Promise.race([finished, expired]);
    cancel();
    this.#fence.abort(new Error('the partition went to another member of the group'));
  }
}
