import { RookeryError } from './rookery-error.js';

/**
 * An option or a configuration value is wrong. Thrown at start, so that a service never runs half
 * configured; the message is the one line a developer needs: option, place, value, what is allowed.
 */
export class InvalidOptionError extends RookeryError {
  override readonly code = 'RKY_CORE_INVALID_OPTION';
  override readonly title = 'Invalid option';

  constructor(
    /** Where the value was set, for example `RookeryModule.forRoot()` or `config/orders.yml`. */
    readonly place: string,
    /** One problem a line: `retry.attempts: 0 is not allowed, expected a number >= 1`. */
    readonly problems: readonly string[],
  ) {
    super(`${place}: ${problems.join('; ')}`);
  }
}
