import type { Random } from '../clock/random.js';

/** How long to wait between tries, in milliseconds. */
export interface Backoff {
  /** After the first try. */
  readonly initialMs: number;
  /** However many tries there were, before chance has its share. */
  readonly maxMs: number;
  /** What each further try multiplies the pause by. @default 2 */
  readonly multiplier?: number;
  /**
   * The shares of the pause between which chance decides, so that callers that failed together do
   * not come back together. @default [0.5, 1]
   */
  readonly spread?: readonly [from: number, to: number];
}

/** Beyond this many multiplications a pause has long reached its bound, and would overflow. */
const MAX_STEPS = 60;
const HALF_TO_ALL = [0.5, 1] as const;

/** Milliseconds to wait after the failed try of that number, from 1: exponential, bounded, jittered. */
export function backoffDelay(
  attempt: number,
  { initialMs, maxMs, multiplier = 2, spread = HALF_TO_ALL }: Backoff,
  random: Random,
): number {
  const steps = Math.min(Math.max(attempt, 1) - 1, MAX_STEPS);
  const full = Math.min(maxMs, initialMs * multiplier ** steps);
  const [from, to] = spread;
  return full * (from === to ? from : from + random() * (to - from));
}
