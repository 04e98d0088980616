import { RookeryError } from '@rookery/core';

/** A configuration document cannot be used: it does not parse, or it holds a forbidden key. */
export class ConfigDocumentError extends RookeryError {
  override readonly code = 'RKY_CONFIG_DOCUMENT';
  override readonly status = 422;
  override readonly title = 'Invalid configuration document';

  constructor(
    /** File or property source, with the line where it is known: `config/orders.yml:3`. */
    readonly place: string,
    /** What is wrong with it. */
    readonly problem: string,
    cause?: unknown,
  ) {
    super(`${place}: ${problem}`, { cause });
  }
}

/** A `${placeholder}` has no value, or its values refer to each other in a circle. */
export class PlaceholderError extends RookeryError {
  override readonly code = 'RKY_CONFIG_PLACEHOLDER';
  override readonly status = 422;
  override readonly title = 'Unresolvable placeholder';
}

/** The config server did not give a usable answer. */
export class ConfigServerError extends RookeryError {
  override readonly code = 'RKY_CONFIG_SERVER';
  override readonly status = 503;
  override readonly title = 'Configuration unavailable';

  constructor(
    message: string,
    /** False when asking again cannot help: wrong credentials, unknown label, no such protocol. */
    override readonly retryable: boolean,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** A new revision does not fit what the service needs; the old one stays in force. */
export class ConfigRejectedError extends RookeryError {
  override readonly code = 'RKY_CONFIG_REJECTED';
  override readonly status = 422;
  override readonly title = 'Configuration rejected';

  constructor(
    /** The revision that was refused. */
    readonly revision: string,
    /** Why, one problem a line. */
    readonly problems: readonly string[],
    cause?: unknown,
  ) {
    super(`revision ${revision} is rejected, the old one stays: ${problems.join('; ')}`, { cause });
  }
}
