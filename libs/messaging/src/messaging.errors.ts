import { RookeryError } from '@rookery/core';
import type { BatchFailure } from './batch/batch-message.js';

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

/**
 * Throw it from a handler of batches to name the messages that have failed; all others are handled.
 */
export class BatchFailedError extends RookeryError {
  override readonly code = 'RKY_MSG_BATCH_FAILED';
  override readonly title = 'Messages of a batch failed';

  constructor(readonly failures: readonly BatchFailure[]) {
    super(`${failures.length} messages of a batch failed`, { cause: failures[0]?.error });
  }
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

/** A message carries a version that its key had already, or is older than what it had. */
export class StaleMessageError extends RookeryError {
  override readonly code = 'RKY_MSG_STALE';
  override readonly title = 'Message is out of date';

  constructor(
    readonly contract: string,
    readonly key: string,
    readonly version: number | bigint,
  ) {
    super(`${contract} of ${key} has version ${version}, which is not newer than what was handled`);
  }
}

/** There is no such failed message. */
export class MessageNotFoundError extends RookeryError {
  override readonly code = 'RKY_MSG_NOT_FOUND';
  override readonly status = 404;
  override readonly title = 'Message not found';

  constructor(readonly id: string) {
    super(`there is no failed message ${id}`);
  }
}

/** A failed message is not what the caller has seen: somebody has changed or ended it meanwhile. */
export class MessageChangedError extends RookeryError {
  override readonly code = 'RKY_MSG_CHANGED';
  override readonly status = 409;
  override readonly title = 'Message was changed';

  constructor(
    readonly id: string,
    readonly state: string,
    readonly revision: number,
  ) {
    super(`message ${id} was changed or ended meanwhile; it is ${state}, at revision ${revision}`, {
      details: { state, revision },
    });
  }
}

/** A parked message waits for another of its key. */
export class MessageNotFirstError extends RookeryError {
  override readonly code = 'RKY_MSG_NOT_FIRST';
  override readonly status = 409;
  override readonly title = 'Message waits for another';

  constructor(
    readonly id: string,
    readonly first: string,
  ) {
    super(`message ${id} waits behind ${first} of its key; replay the key, or discard that one`, {
      details: { first },
    });
  }
}

/** The key of a parked message is being replayed, or gets a message, at this moment. */
export class MessageInUseError extends RookeryError {
  override readonly code = 'RKY_MSG_IN_USE';
  override readonly status = 409;
  override readonly title = 'Message is in use';
  override readonly retryable = true;

  constructor(readonly id: string) {
    super(`the key of message ${id} is being handled at this moment; try again`);
  }
}

/** No handler of this service takes the message any more. */
export class NoHandlerError extends RookeryError {
  override readonly code = 'RKY_MSG_NO_HANDLER';
  override readonly status = 409;
  override readonly title = 'Nobody handles the message';

  constructor(
    readonly consumer: string,
    readonly type: string,
  ) {
    super(
      `${consumer} is no consumer of this service, or none takes '${type}'; deploy a handler, ` +
        `or discard the message`,
    );
  }
}

/** Something about failed messages that cannot be done as asked. */
export class InvalidMessageRequestError extends RookeryError {
  override readonly code = 'RKY_MSG_REQUEST';
  override readonly status = 400;
  override readonly title = 'Invalid request';

  constructor(problems: readonly string[]) {
    super(problems.join('; '), { details: { problems } });
  }
}

/** An edited message still does not fit its contract. */
export class InvalidEditError extends RookeryError {
  override readonly code = 'RKY_MSG_EDIT';
  override readonly status = 422;
  override readonly title = 'Edited message is not valid';
}
