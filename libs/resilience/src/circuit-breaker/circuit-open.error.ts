import { RookeryError } from '@rookery/core';

/** A circuit breaker refused the call without making it: what it protects is failing. */
export class CircuitOpenError extends RookeryError {
  override readonly code = 'RKY_RES_CIRCUIT_OPEN';
  override readonly status = 503;
  override readonly title = 'Circuit open';
  override readonly retryable = true;
  /** Headers an HTTP answer carries. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    /** Name of the breaker. */
    readonly breaker: string,
    /** Milliseconds until the breaker admits calls again; 0 while it is probing or forced open. */
    readonly retryAfterMs: number,
  ) {
    const retryAfter = Math.max(1, Math.ceil(retryAfterMs / 1_000));
    super(`circuit breaker '${breaker}' is open`, { details: { retryAfter } });
    this.headers = { 'retry-after': String(retryAfter) };
  }
}
