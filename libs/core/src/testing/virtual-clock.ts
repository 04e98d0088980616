import { BaseClock, type Cancel } from '../clock/clock.js';

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly fn: () => void;
}

/**
 * A clock that stands still until a test moves it. Timers fire in order of their due time, those of
 * one instant in the order they were set, exactly as often as the moved time allows.
 */
export class VirtualClock extends BaseClock {
  readonly #start: number;
  #elapsed = 0;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  /** @param start what {@link now} returns at first, in milliseconds since the epoch */
  constructor(start = Date.UTC(2026, 0, 1)) {
    super();
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, fn: () => void): Cancel {
    const timer = { at: this.#elapsed + Math.max(0, ms), sequence: this.#sequence++, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers are pending: 0 after a clean close. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Moves time forward by `ms`, fires what falls due, and lets promises settle before and after
   * each timer, so that code awaiting one timer can set the next within the same move.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.fn();
      await settle();
    }
    this.#elapsed = end;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (
        first === undefined ||
        timer.at < first.at ||
        (timer.at === first.at && timer.sequence < first.sequence)
      ) {
        first = timer;
      }
    }
    return first;
  }
}

/** Lets everything that is ready to run, run: microtasks and one turn of the event loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
