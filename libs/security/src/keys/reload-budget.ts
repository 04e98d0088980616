import type { Clock } from '@rookery/core';

/** How often keys may be fetched because a token named an unknown one. */
export interface ReloadBudgetOptions {
  /** Reloads that may follow each other at once. */
  readonly burst: number;
  /** After that, one for each such span. */
  readonly refillMs: number;
}

/** A token bucket: `burst` at once, then one per `refillMs`. */
export class ReloadBudget {
  #tokens: number;
  #updated: number;

  constructor(
    private readonly options: ReloadBudgetOptions,
    private readonly clock: Clock,
  ) {
    this.#tokens = options.burst;
    this.#updated = clock.monotonic();
  }

  /** Takes one reload, or says how many milliseconds to wait for it. */
  take(): 0 | number {
    const now = this.clock.monotonic();
    const { burst, refillMs } = this.options;
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#updated) / refillMs);
    this.#updated = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) * refillMs);
  }
}
