import { RookeryError } from '@rookery/core';

/** Too many failed attempts; the same attempt may be made again after a while. */
export class TooManyAttemptsError extends RookeryError {
  override readonly code = 'RKY_AUTH_TOO_MANY_ATTEMPTS';
  override readonly status = 429;
  override readonly title = 'Too many attempts';
  override readonly retryable = true;
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(waitMs: number) {
    const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
    super(`too many failed attempts, try again in ${seconds} s`);
    this.headers = { 'retry-after': String(seconds) };
  }
}

/** More passwords wait to be checked than the service can check in time. */
export class PasswordCheckBusyError extends RookeryError {
  override readonly code = 'RKY_AUTH_BUSY';
  override readonly status = 503;
  override readonly title = 'Busy';
  override readonly retryable = true;
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>> = { 'retry-after': '1' };

  constructor() {
    super('too many logins at once');
  }
}

/** The login or consent that a page belongs to has ended, or was begun in another browser. */
export class InteractionExpiredError extends RookeryError {
  override readonly code = 'RKY_AUTH_INTERACTION_EXPIRED';
  override readonly status = 400;
  override readonly title = 'Nothing to continue';

  constructor(cause?: unknown) {
    super('this sign-in has ended or was begun elsewhere; go back to the application', { cause });
  }
}

/** A form was sent that one of our pages did not make. */
export class ForgedFormError extends RookeryError {
  override readonly code = 'RKY_AUTH_FORGED_FORM';
  override readonly status = 403;
  override readonly title = 'Form refused';

  constructor() {
    super('the form does not come from a page of this service');
  }
}

/** A form misses a field, or one is too long. */
export class InvalidFormError extends RookeryError {
  override readonly code = 'RKY_AUTH_INVALID_FORM';
  override readonly status = 400;
  override readonly title = 'Invalid form';

  constructor(fields: readonly { field: string; message: string }[]) {
    super('the form is not filled in correctly', { details: { errors: fields } });
  }
}
