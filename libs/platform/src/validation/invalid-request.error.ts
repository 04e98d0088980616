import { RookeryError } from '@rookery/core';

/** A request whose body, parameters or headers are not what the operation takes. */
export class InvalidRequestError extends RookeryError {
  override readonly code = 'RKY_PLATFORM_INVALID_REQUEST';
  override readonly status = 400;
  override readonly title = 'Invalid request';

  constructor(
    /** Which fields are wrong, and why. */
    readonly errors: readonly { field: string; message: string }[],
  ) {
    super(errors.map(({ field, message }) => `${field}: ${message}`).join('; '), {
      details: { errors },
    });
  }
}
