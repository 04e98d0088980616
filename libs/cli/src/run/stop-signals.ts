import type { Clock } from '@rookery/core';

/** npm passes a Ctrl-C on that the terminal has sent us already: one key press, two signals. */
const SAME_PRESS_MS = 400;

/**
 * Calls `first` at the first request to stop and `second` at a later one.
 *
 * @returns a function that ends it
 */
export function onStopSignals(clock: Clock, first: () => void, second: () => void): () => void {
  let since: number | undefined;
  const listener = (): void => {
    const now = clock.monotonic();
    if (since === undefined) {
      since = now;
      first();
    } else if (now - since > SAME_PRESS_MS) second();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, listener);
  // The process that started this one on a newer Node is gone.
  process.on('disconnect', listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
    process.off('disconnect', listener);
  };
}
