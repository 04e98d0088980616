import type { Random } from '@rookery/core';

/** A backoff with durations in milliseconds. */
export interface Backoff {
  readonly initial: number;
  readonly multiplier: number;
  readonly max: number;
  readonly jitter: number;
}

/**
 * Milliseconds to wait after the failed attempt of that number, from 1. Jitter is drawn around the
 * bounded exponential value, so that callers that failed together do not come back together.
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: Random): number {
  const { initial, multiplier, max, jitter } = backoff;
  const exponential = Math.min(max, initial * multiplier ** (attempt - 1));
  return jitter === 0 ? exponential : exponential * (1 + jitter * (2 * random() - 1));
}
