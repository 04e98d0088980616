import { AbortedError, type Clock } from '@rookery/core';
import type { Output } from '../output/output.js';
import type { RunState } from './run-state.js';

const INTERVAL_MS = 10_000;

/**
 * Says every ten seconds what a start still waits for, and where to see why: an app that runs but
 * is not ready writes nothing by itself. The returned function ends it.
 */
export function reportSlowStart(
  rows: () => RunState['processes'],
  output: Output,
  clock: Clock,
): () => void {
  const ended = new AbortController();
  const report = async (): Promise<void> => {
    for (let waited = INTERVAL_MS; ; waited += INTERVAL_MS) {
      await clock.sleep(INTERVAL_MS, ended.signal);
      const slow = rows().filter(({ state }) => state === 'starting');
      for (const { name, port } of slow) {
        output.event(
          'warn',
          `${name} is not ready after ${waited / 1_000} s, still waiting: see http://127.0.0.1:${port}/manage/health`,
          { app: name, waitedMs: waited },
        );
      }
    }
  };
  report().catch(() => undefined);
  return () => ended.abort(new AbortedError('the start is over'));
}
