import type { Clock } from '@rookery/core';
import type { TopicPartition } from '@rookery/kafka';
import { KeyedLanes, type LaneTask } from './keyed-lanes.js';
import { OffsetTracker } from './offset-tracker.js';
import type { Slots } from './slots.js';

/** One partition for as long as this member owns it: its lanes, and what of it is finished. */
export class PartitionSession {
  readonly tracker = new OffsetTracker();
  readonly #lanes = new Map<string, KeyedLanes>();
  readonly #fence = new AbortController();
  paused = false;
  committed: number | undefined;
  #stopped = false;

  constructor(
    readonly at: TopicPartition,
    private readonly clock: Clock,
  ) {}

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

  push(consumer: string, slots: Slots, key: string, task: LaneTask): void {
    let lanes = this.#lanes.get(consumer);
    if (lanes === undefined) {
      lanes = new KeyedLanes(this.clock, slots);
      this.#lanes.set(consumer, lanes);
    }
    lanes.push(key, task);
  }

  /** Lets what runs finish, at most for `drainMs`, then fences it. Nothing else begins. */
  async stop(drainMs: number): Promise<void> {
    this.#stopped = true;
    const finished = Promise.all([...this.#lanes.values()].map((lanes) => lanes.stop()));
    let cancel = (): void => {};
    const expired = new Promise<void>((resolve) => (cancel = this.clock.after(drainMs, resolve)));
    await Promise.race([finished, expired]);
    cancel();
    this.#fence.abort(new Error('the partition went to another member of the group'));
  }
}
