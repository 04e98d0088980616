import { RookeryError } from '@rookery/core';

/** An application, profile or label is not a name: a path, a wildcard, an attack. */
export class InvalidNameError extends RookeryError {
  override readonly code = 'RKY_CFG_INVALID_NAME';
  override readonly status = 400;
  override readonly title = 'Invalid name';
}

/** There is nothing under this address. */
export class ConfigNotFoundError extends RookeryError {
  override readonly code = 'RKY_CFG_NOT_FOUND';
  override readonly status = 404;
  override readonly title = 'Not found';
}

/** The folder that the server serves cannot be read. */
export class RepositoryUnavailableError extends RookeryError {
  override readonly code = 'RKY_CFG_REPOSITORY';
  override readonly status = 503;
  override readonly title = 'Configuration repository unavailable';
  override readonly retryable = true;
}
