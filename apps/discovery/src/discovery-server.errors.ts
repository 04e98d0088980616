import { RookeryError } from '@rookery/core';

/** A registration lacks what every registration has; the message is Netflix's own. */
export class IncompleteInstanceError extends RookeryError {
  override readonly code = 'RKY_DISC_INCOMPLETE_INSTANCE';
  override readonly status = 400;
  override readonly title = 'Incomplete instance';
}

/** A registration holds what no instance may have: an address nobody may call, a hostile name. */
export class InvalidInstanceError extends RookeryError {
  override readonly code = 'RKY_DISC_INVALID_INSTANCE';
  override readonly status = 422;
  override readonly title = 'Invalid instance';
}

/** There is no such application or instance. */
export class UnknownInstanceError extends RookeryError {
  override readonly code = 'RKY_DISC_UNKNOWN_INSTANCE';
  override readonly status = 404;
  override readonly title = 'Unknown instance';
}

/** The registry holds as many instances as it may. */
export class RegistryFullError extends RookeryError {
  override readonly code = 'RKY_DISC_REGISTRY_FULL';
  override readonly status = 429;
  override readonly title = 'Registry full';
  override readonly retryable = true;
}

/** The client takes nothing but XML, which this server does not speak. */
export class NotAcceptableError extends RookeryError {
  override readonly code = 'RKY_DISC_NOT_ACCEPTABLE';
  override readonly status = 406;
  override readonly title = 'Not acceptable';
}
