import { RookeryError } from '@rookery/core';

/** A bulkhead refused the call: as many as allowed are running, and the queue is full or slow. */
export class BulkheadFullError extends RookeryError {
  override readonly code = 'RKY_RES_BULKHEAD_FULL';
  override readonly status = 503;
  override readonly title = 'Bulkhead full';
  override readonly retryable = true;

  constructor(
    /** Name of the bulkhead. */
    readonly bulkhead: string,
    /** How many calls may run at a time. */
    readonly maxConcurrent: number,
  ) {
    super(`bulkhead '${bulkhead}' is full: ${maxConcurrent} calls are running`);
  }
}
