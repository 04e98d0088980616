import type { Random } from '@rookery/core';

/** How long to wait between tries. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** The pause before try `attempt + 1`, doubling, between half and all of it by chance. */
export function backoffDelay(
  attempt: number,
  { initialMs, maxMs }: Backoff,
  random: Random,
): number {
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (random() * full) / 2;
}
