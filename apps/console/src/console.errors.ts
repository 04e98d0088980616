import { RookeryError } from '@rookery/core';

/** The request does not come from a page of this console on this machine. */
export class NotLocalError extends RookeryError {
  override readonly code = 'RKY_CON_NOT_LOCAL';
  override readonly status = 403;
  override readonly title = 'Not allowed from here';
}

/** There is no such saga, trace or file. */
export class NothingThereError extends RookeryError {
  override readonly code = 'RKY_CON_NOT_FOUND';
  override readonly status = 404;
  override readonly title = 'Not found';
}

/** The page was not built. */
export class PageNotBuiltError extends RookeryError {
  override readonly code = 'RKY_CON_NOT_BUILT';
  override readonly status = 503;
  override readonly title = 'The page is not built';
}

/** An instance did not answer as it should. */
export class InstanceError extends RookeryError {
  override readonly code = 'RKY_CON_INSTANCE';
  override readonly status = 502;
  override readonly title = 'Instance did not answer';
  override readonly retryable = true;

  constructor(
    message: string,
    /** Status that the instance answered with, if it did. */
    readonly answered?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}
