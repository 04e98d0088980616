import { RookeryError } from '@rookery/core';

/** The thing that a request names does not exist, or not for this caller. */
export class NotFoundError extends RookeryError {
  override readonly code = 'RKY_PLATFORM_NOT_FOUND';
  override readonly status = 404;
  override readonly title = 'Not found';

  constructor(kind: string, id: string) {
    super(`There is no ${kind} '${id}'.`);
  }
}
