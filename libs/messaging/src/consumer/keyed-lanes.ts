import type { Cancel, Clock } from '@rookery/core';
import type { Slots } from './slots.js';

/**
 * One piece of work. Resolves with nothing when it is over, or with the milliseconds after which it
 * wants to run again; until then it keeps its place at the head of its lane. Rejecting counts as
 * wanting to run again in a second: a lane must never stop for good.
 */
export type LaneTask = () => Promise<number | undefined>;

interface Lane {
  readonly key: string;
  readonly tasks: LaneTask[];
  pause: Cancel | undefined;
}

/**
 * Runs tasks of one key one after the other, in order, and tasks of different keys side by side. A
 * lane that waits to try again holds no slot, so a key in trouble does not slow down the others.
 */
export class KeyedLanes {
  readonly #lanes = new Map<string, Lane>();
  /** Lanes whose head may run, in turn. */
  readonly #ready: Lane[] = [];
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #stopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly slots: Slots,
  ) {}

  /** Tasks that have begun and not returned. */
  get running(): number {
    return this.#running;
  }

  push(key: string, task: LaneTask): void {
    if (this.#stopped) return;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, tasks: [], pause: undefined };
      this.#lanes.set(key, lane);
      this.#ready.push(lane);
    }
    lane.tasks.push(task);
    this.#dispatch();
  }

  /** Begins nothing any more and forgets what waits; resolves when what runs has returned. */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) lane.pause?.();
    this.#lanes.clear();
    this.#ready.length = 0;
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  readonly #dispatch = (): void => {
    while (this.#ready.length > 0 && this.slots.take(this.#dispatch)) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      void this.#run(lane);
    }
  };

  async #run(lane: Lane): Promise<void> {
    this.#running += 1;
    const [task] = lane.tasks;
    const again = await task?.().catch(() => 1_000);
    this.#running -= 1;
    if (!this.#stopped) this.#settle(lane, again);
    this.slots.release();
    if (this.#stopped && this.#running === 0) for (const resolve of this.#idle) resolve();
    this.#dispatch();
  }

  #settle(lane: Lane, again: number | undefined): void {
    if (again !== undefined) {
      lane.pause = this.clock.after(again, () => {
        lane.pause = undefined;
        this.#ready.push(lane);
        this.#dispatch();
      });
      return;
    }
    lane.tasks.shift();
    if (lane.tasks.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
  }
}
