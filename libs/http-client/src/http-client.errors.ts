import { RookeryError, type Problem } from '@rookery/core';

const PASSING = new Set([408, 425, 429, 502, 503, 504]);

/** A service answered with a status of 400 or more. */
export class RemoteError extends RookeryError {
  override readonly code = 'RKY_HTTP_CLIENT_REMOTE';
  override readonly title = 'A service refused the request';
  /** The status that the service answered with. */
  override readonly status: number;
  override readonly retryable: boolean;

  constructor(
    /** The service that was called. */
    readonly serviceId: string,
    /** What was called: `GET /stock/:sku`. */
    readonly operation: string,
    status: number,
    /** The problem document that it sent, if it sent one. */
    readonly problem: Problem | undefined,
    /** Milliseconds that the service asks to be left alone for; 0 when it does not. Retries obey. */
    readonly retryAfterMs = 0,
  ) {
    super(`${serviceId} answered ${operation} with ${status}${problem ? ` ${problem.code}` : ''}`);
    this.status = status;
    this.retryable = PASSING.has(status);
  }

  /** Unhandled, it is a failure of what is behind us, not of the request that we were sent. */
  override get answerStatus(): number {
    return this.status === 503 || this.status === 429 ? 503 : this.status === 504 ? 504 : 502;
  }
}

/** No answer came: the connection failed or broke. */
export class ConnectionError extends RookeryError {
  override readonly code = 'RKY_HTTP_CLIENT_CONNECTION';
  override readonly status = 503;
  override readonly title = 'A service could not be reached';
  override readonly retryable = true;

  constructor(
    readonly serviceId: string,
    readonly operation: string,
    /** Whether the request certainly never reached the service. */
    readonly unsent: boolean,
    cause: unknown,
  ) {
    super(`${serviceId} could not be reached for ${operation}`, { cause });
  }
}

/** A service answered with something other than what was agreed. */
export class UnexpectedResponseError extends RookeryError {
  override readonly code = 'RKY_HTTP_CLIENT_UNEXPECTED_RESPONSE';
  override readonly status = 502;
  override readonly title = 'A service answered unexpectedly';

  constructor(serviceId: string, operation: string, what: string, cause?: unknown) {
    super(`${serviceId} answered ${operation} with ${what}`, { cause });
  }
}

/** A client class is declared wrongly; found when it is first used or provided. */
export class ClientDeclarationError extends RookeryError {
  override readonly code = 'RKY_HTTP_CLIENT_DECLARATION';
  override readonly title = 'Wrong client declaration';
}
