import type { Cancel, Clock } from '@rookery/core';
import type { Slots } from './slots.js';

/** One piece of work. */
export interface LaneTask {
  /** The limit that it counts for while it runs. */
  readonly slots: Slots;
  /**
   * Resolves with nothing when it is over, or with the milliseconds after which it wants to run
   * again; until then its lane goes no further. Rejecting counts as wanting to run again in a
   * second: a lane must never stop for good.
   */
  run(): Promise<number | undefined>;
}

/** What belongs to one record: its tasks run side by side, the next step waits for all of them. */
interface Step {
  readonly tasks: readonly LaneTask[];
  open: number;
}

interface Lane {
  readonly key: string;
  readonly steps: Step[];
  readonly pauses: Set<Cancel>;
}

/** Tasks that may run as soon as their limit allows, in turn. */
interface Queue {
  readonly waiting: { readonly lane: Lane; readonly task: LaneTask }[];
  readonly dispatch: () => void;
}

/**
 * Runs the steps of one key one after the other, in order, and those of different keys side by side.
 * A task that waits to try again holds no slot, so a key in trouble does not slow down the others.
 */
export class KeyedLanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #queues = new Map<Slots, Queue>();
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #stopped = false;

  constructor(private readonly clock: Clock) {}

  /** Tasks that have begun and not returned. */
  get running(): number {
    return this.#running;
  }

  /** Whether steps of the key have yet to end. */
  has(key: string): boolean {
    return this.#lanes.has(key);
  }

  /** Adds a step of at least one task. */
  push(key: string, tasks: readonly LaneTask[]): void {
    if (this.#stopped) return;
    const step = { tasks, open: tasks.length };
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.steps.push(step);
      return;
    }
    const added = { key, steps: [step], pauses: new Set<Cancel>() };
    this.#lanes.set(key, added);
    this.#begin(added, step);
  }

  /** Begins nothing any more and forgets what waits; resolves when what runs has returned. */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const { pauses } of this.#lanes.values()) for (const cancel of pauses) cancel();
    this.#lanes.clear();
    for (const { waiting } of this.#queues.values()) waiting.length = 0;
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #begin(lane: Lane, { tasks }: Step): void {
    for (const task of tasks) this.#enqueue(lane, task);
  }

  #enqueue(lane: Lane, task: LaneTask): void {
    let queue = this.#queues.get(task.slots);
    if (queue === undefined) {
      const waiting: Queue['waiting'] = [];
      queue = { waiting, dispatch: () => this.#dispatch(task.slots, waiting) };
      this.#queues.set(task.slots, queue);
    }
    queue.waiting.push({ lane, task });
    queue.dispatch();
  }

  #dispatch(slots: Slots, waiting: Queue['waiting']): void {
    const retry = this.#queues.get(slots)?.dispatch ?? (() => {});
    while (waiting.length > 0 && slots.take(retry)) {
      const next = waiting.shift();
      if (next === undefined) break;
      void this.#run(next.lane, next.task);
    }
  }

  async #run(lane: Lane, task: LaneTask): Promise<void> {
    this.#running += 1;
    let again: number | undefined;
    try {
      again = await task.run();
    } catch {
      again = 1_000;
    }
    this.#running -= 1;
    if (!this.#stopped) this.#settle(lane, task, again);
    task.slots.release();
    if (this.#stopped && this.#running === 0) for (const resolve of this.#idle) resolve();
    this.#queues.get(task.slots)?.dispatch();
  }

  #settle(lane: Lane, task: LaneTask, again: number | undefined): void {
    if (again !== undefined) {
      const cancel = this.clock.after(again, () => {
        lane.pauses.delete(cancel);
        this.#enqueue(lane, task);
      });
      lane.pauses.add(cancel);
      return;
    }
    const [step] = lane.steps;
    if (step === undefined || --step.open > 0) return;
    lane.steps.shift();
    const [next] = lane.steps;
    if (next === undefined) this.#lanes.delete(lane.key);
    else this.#begin(lane, next);
  }
}
