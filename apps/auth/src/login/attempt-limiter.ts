import type { Clock } from '@rookery/core';
import { TooManyAttemptsError } from '../auth.errors.js';

/** How attempts that share a key are slowed down. */
interface Rule {
  /** Failures before the first delay. */
  readonly free: number;
  readonly firstMs: number;
  readonly longestMs: number;
}

interface Failures {
  count: number;
  /** Monotonic time before which no further attempt is taken. */
  until: number;
  lastAt: number;
}

/**
 * One guesser against one account is slowed down soon; one address that tries many accounts later;
 * one account that is tried from everywhere only a little, because that delay hits its owner too.
 */
const RULES = {
  pair: { free: 5, firstMs: 1_000, longestMs: 900_000 },
  address: { free: 30, firstMs: 1_000, longestMs: 900_000 },
  account: { free: 50, firstMs: 1_000, longestMs: 30_000 },
} as const satisfies Record<string, Rule>;

/** Failures are forgotten after so long without another. */
const MEMORY_MS = 3_600_000;
const MAX_KEYS = 10_000;

/**
 * Slows down guessing of passwords and secrets: each failure beyond a few doubles the time until
 * the next attempt. Nobody is ever locked out for good. Kept in memory, per instance.
 */
export class AttemptLimiter {
  readonly #failures = new Map<string, Failures>();

  constructor(private readonly clock: Clock) {}

  /** How many keys are remembered. */
  get size(): number {
    return this.#failures.size;
  }

  /**
   * Begins an attempt. It counts as failed until the returned function is called, so that many
   * attempts at the same time do not slip through before the first has failed.
   *
   * @throws TooManyAttemptsError
   */
  begin(account: string, address: string): () => void {
    const keys = keysOf(account, address);
    this.#refuse(keys.map(([key]) => key));
    const now = this.clock.monotonic();
    const delays = keys.map(([key, rule]) => this.#count(key, rule, now));
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#failures.delete(keys[0][0]);
      keys.slice(1).forEach(([key], i) => this.#undo(key, delays[i + 1]!));
    };
  }

  /**
   * Like {@link begin} for secrets that nobody can guess in earnest and that many callers show at
   * the same time: only one account from one address is slowed down, and only failures count.
   *
   * @throws TooManyAttemptsError
   */
  watch(account: string, address: string): { fail: () => void; succeed: () => void } {
    const [key, rule] = keysOf(account, address)[0];
    this.#refuse([key]);
    return {
      fail: () => void this.#count(key, rule, this.clock.monotonic()),
      succeed: () => void this.#failures.delete(key),
    };
  }

  #refuse(keys: readonly string[]): void {
    const now = this.clock.monotonic();
    const wait = Math.max(...keys.map((key) => (this.#failures.get(key)?.until ?? 0) - now));
    if (wait > 0) throw new TooManyAttemptsError(wait);
  }

  #count(key: string, { free, firstMs, longestMs }: Rule, now: number): number {
    const known = this.#failures.get(key);
    const count = known === undefined || now - known.lastAt > MEMORY_MS ? 1 : known.count + 1;
    const delay = count <= free ? 0 : Math.min(longestMs, firstMs * 2 ** (count - free - 1));
    // Inserting again makes it the youngest, so that the oldest is the one forgotten.
    this.#failures.delete(key);
    const until = delay === 0 ? 0 : now + delay;
    this.#failures.set(key, { count, until, lastAt: now });
    if (this.#failures.size > MAX_KEYS) {
      this.#failures.delete(this.#failures.keys().next().value as string);
    }
    return until;
  }

  /** Takes back one failure, but not the delay that another one has caused meanwhile. */
  #undo(key: string, until: number): void {
    const known = this.#failures.get(key);
    if (known === undefined) return;
    known.count -= 1;
    if (known.until === until) known.until = 0;
    if (known.count === 0) this.#failures.delete(key);
  }
}

function keysOf(account: string, address: string): [[string, Rule], ...[string, Rule][]] {
  const name = account.slice(0, 256).toLowerCase();
  return [
    [`pair ${address} ${name}`, RULES.pair],
    [`address ${address}`, RULES.address],
    [`account ${name}`, RULES.account],
  ];
}
