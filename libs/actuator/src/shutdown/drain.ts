import type { Clock, LifecycleHook } from '@rookery/core';

/**
 * Work of the phase `drain`: goes on serving for `delayMs` after the service has said that it
 * leaves, so that callers who still remember its address are not turned away.
 */
export function drain(delayMs: number, clock: Clock): LifecycleHook {
  return async (signal) => {
    // Told to hurry, it is done at once.
    await clock.sleep(delayMs, signal).catch(() => {});
  };
}
