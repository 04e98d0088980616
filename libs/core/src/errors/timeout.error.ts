import { RookeryError } from './rookery-error.js';

/** A call, a wait or a whole request took longer than it was allowed to. */
export class TimeoutError extends RookeryError {
  override readonly code = 'RKY_CORE_TIMEOUT';
  override readonly status = 504;
  override readonly title = 'Timed out';
  override readonly retryable = true;

  constructor(
    /** What timed out, in the words of the caller. */
    readonly operation: string,
    /** The limit that was exceeded, in milliseconds. */
    readonly timeoutMs: number,
    cause?: unknown,
  ) {
    super(`${operation} did not finish within ${timeoutMs} ms`, { cause });
  }
}
