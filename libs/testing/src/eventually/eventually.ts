import { systemClock } from '@rookery/core';

/** How {@link eventually} waits. */
export interface EventuallyOptions {
  /** @default 15,000 */
  readonly timeoutMs?: number;
  /** @default 10 */
  readonly intervalMs?: number;
}

/**
 * Waits until `probe` no longer throws and returns its result; for what happens behind a broker or
 * in another process. In the end it throws what `probe` threw last.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { timeoutMs = 15_000, intervalMs = 10 }: EventuallyOptions = {},
): Promise<T> {
  const end = systemClock.monotonic() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (systemClock.monotonic() >= end) throw error;
    }
    await systemClock.sleep(intervalMs);
  }
}
