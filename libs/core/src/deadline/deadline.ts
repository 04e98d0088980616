import type { Clock } from '../clock/clock.js';
import { TimeoutError } from '../errors/timeout.error.js';

/** A point in time after which nobody waits for the result any more. */
export class Deadline {
  private constructor(
    /** Milliseconds since the epoch. */
    readonly at: number,
    readonly limitMs: number,
    private readonly clock: Clock,
  ) {}

  /** The deadline `ms` from now. */
  static in(ms: number, clock: Clock): Deadline {
    return new Deadline(clock.now() + ms, ms, clock);
  }

  /** Milliseconds left, never below 0. */
  get remainingMs(): number {
    return Math.max(0, this.at - this.clock.now());
  }

  /** The earlier of this deadline and one `ms` from now. */
  within(ms: number): Deadline {
    return ms < this.remainingMs ? Deadline.in(ms, this.clock) : this;
  }

  /** @throws TimeoutError when the deadline has passed. */
  check(operation: string): void {
    if (this.remainingMs === 0) throw new TimeoutError(operation, this.limitMs);
  }
}
