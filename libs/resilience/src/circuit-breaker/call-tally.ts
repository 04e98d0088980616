import type { RollingWindow } from './rolling-window.js';

/** Calls of one outcome since a breaker was created. */
export interface CallTotals {
  readonly calls: number;
  readonly seconds: number;
  readonly maxSeconds: number;
}

/** What a circuit breaker has counted. */
export interface CircuitBreakerMetrics {
  /** Percentage of failures in the window, -1 before the minimum number of calls. */
  readonly failureRate: number;
  /** Percentage of slow calls in the window, -1 before the minimum number of calls. */
  readonly slowCallRate: number;
  /** Calls in the window. */
  readonly bufferedCalls: number;
  readonly bufferedFailures: number;
  readonly bufferedSlowCalls: number;
  readonly successful: CallTotals;
  readonly failed: CallTotals;
  readonly ignored: number;
  readonly notPermitted: number;
}

/** Counts calls for metrics without a listener per call: the counters are read when scraped. */
export class CallTally {
  ignored = 0;
  notPermitted = 0;
  readonly #successful = new Float64Array(3);
  readonly #failed = new Float64Array(3);

  finished(failed: boolean, durationMs: number): void {
    const totals = failed ? this.#failed : this.#successful;
    totals[0] = (totals[0] as number) + 1;
    totals[1] = (totals[1] as number) + durationMs;
    if (durationMs > (totals[2] as number)) totals[2] = durationMs;
  }

  snapshot(window: RollingWindow | undefined, needed: number): CircuitBreakerMetrics {
    const calls = window?.calls ?? 0;
    const rate = (part: number): number => (calls < needed ? -1 : (part * 100) / calls);
    return {
      failureRate: window === undefined ? -1 : rate(window.failures),
      slowCallRate: window === undefined ? -1 : rate(window.slowCalls),
      bufferedCalls: calls,
      bufferedFailures: window?.failures ?? 0,
      bufferedSlowCalls: window?.slowCalls ?? 0,
      successful: totalsOf(this.#successful),
      failed: totalsOf(this.#failed),
      ignored: this.ignored,
      notPermitted: this.notPermitted,
    };
  }
}

function totalsOf(totals: Float64Array): CallTotals {
  return {
    calls: totals[0] as number,
    seconds: (totals[1] as number) / 1_000,
    maxSeconds: (totals[2] as number) / 1_000,
  };
}
