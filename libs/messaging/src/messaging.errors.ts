import { RookeryError } from '@rookery/core';

/** Data does not fit its contract: on writing, a mistake of the caller; on reading, a bad message. */
export class ContractViolationError extends RookeryError {
  override readonly code = 'RKY_MSG_CONTRACT_VIOLATION';
  override readonly title = 'Message does not fit its contract';

  constructor(
    readonly contract: string,
    readonly version: number,
    readonly problems: readonly string[],
    cause?: unknown,
  ) {
    super(`${contract} v${version}: ${problems.join('; ')}`, { cause });
  }
}

/** Why a record could not even be read. */
export type UnreadableReason =
  | 'missing-headers'
  | 'unknown-type'
  | 'unknown-version'
  | 'bad-json'
  | 'contract-violation'
  | 'undecodable';

/** A record cannot be turned into a message; it goes to the dead letters with its bytes. */
export class UnreadableRecordError extends RookeryError {
  override readonly code = 'RKY_MSG_UNREADABLE';
  override readonly title = 'Record cannot be read';

  constructor(
    readonly reason: UnreadableReason,
    detail: string,
    cause?: unknown,
  ) {
    super(detail, { cause });
  }
}

/** A message is larger than brokers take; refused before it could block the outbox. */
export class MessageTooLargeError extends RookeryError {
  override readonly code = 'RKY_MSG_TOO_LARGE';
  override readonly title = 'Message is too large';

  constructor(
    readonly contract: string,
    readonly bytes: number,
    readonly limitBytes: number,
  ) {
    super(`${contract} is ${bytes} bytes long, at most ${limitBytes} are allowed`);
  }
}

/**
 * Throw it from a handler when trying again cannot help: the message goes to the dead letters at
 * once.
 */
export class UnprocessableMessageError extends RookeryError {
  override readonly code = 'RKY_MSG_UNPROCESSABLE';
  override readonly title = 'Message cannot be processed';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** A handler returned what its command may not be answered with. */
export class UnexpectedReplyError extends RookeryError {
  override readonly code = 'RKY_MSG_UNEXPECTED_REPLY';
  override readonly title = 'Unexpected reply';
}

/** The handler did not finish within its time limit. */
export class HandlerTimeoutError extends RookeryError {
  override readonly code = 'RKY_MSG_HANDLER_TIMEOUT';
  override readonly title = 'Handler timed out';
  override readonly retryable = true;

  constructor(
    readonly consumer: string,
    readonly timeoutMs: number,
  ) {
    super(`handler ${consumer} did not finish within ${timeoutMs} ms`);
  }
}
