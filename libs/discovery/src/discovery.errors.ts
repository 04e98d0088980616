import { RookeryError } from '@rookery/core';

/** A service has no instance that could take a call. */
export class NoInstanceError extends RookeryError {
  override readonly code = 'RKY_DISC_NO_INSTANCE';
  override readonly status = 503;
  override readonly title = 'No instance';
  override readonly retryable = true;
  /** Headers an HTTP answer carries: registrations arrive within seconds. */
  readonly headers: Readonly<Record<string, string>> = { 'retry-after': '1' };

  constructor(
    /** Id of the service. */
    readonly serviceId: string,
  ) {
    super(`service '${serviceId}' has no instance that is up`);
  }
}

/** The registry cannot be reached or does not answer as it should. */
export class RegistryUnavailableError extends RookeryError {
  override readonly code = 'RKY_DISC_REGISTRY_UNAVAILABLE';
  override readonly status = 503;
  override readonly title = 'Registry unavailable';
  override readonly retryable = true;

  constructor(
    reason: string,
    /** HTTP status of its answer, if it gave one. */
    readonly answer?: number,
    cause?: unknown,
  ) {
    super(`the service registry ${reason}`, { cause });
  }
}
