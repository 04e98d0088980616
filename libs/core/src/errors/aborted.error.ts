import { RookeryError } from './rookery-error.js';

/** The caller gave up, or the service is shutting down, before the work finished. */
export class AbortedError extends RookeryError {
  override readonly code = 'RKY_CORE_ABORTED';
  override readonly status = 499;
  override readonly title = 'Aborted';

  constructor(
    /** What was given up, in the words of the caller. */
    readonly operation: string,
    cause?: unknown,
  ) {
    super(`${operation} was aborted`, { cause });
  }
}
