import { RookeryError } from '@rookery/core';

/** The command cannot be done as it was given; the message is one line with cause and mend. */
export class CommandError extends RookeryError {
  override readonly code = 'RKY_CLI_COMMAND';
  override readonly title = 'Command failed';

  /**
   * @param cause what is wrong
   * @param mend what to do about it
   */
  constructor(cause: string, mend: string) {
    super(`${cause}: ${mend}`);
  }
}
