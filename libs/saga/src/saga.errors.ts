import { RookeryError } from '@rookery/core';

/** A saga cannot work as declared; thrown at start with everything that is wrong. */
export class SagaDefinitionError extends RookeryError {
  override readonly code = 'RKY_SAGA_DEFINITION';

  constructor(
    readonly saga: string,
    /** One line each: where, what is wrong, what is allowed. */
    readonly problems: readonly string[],
  ) {
    super(`saga ${saga}: ${problems.join('; ')}`);
  }
}

/** The state of a saga does not fit its schema. */
export class SagaStateError extends RookeryError {
  override readonly code = 'RKY_SAGA_STATE';
}

/** The saga was written by a newer release, or by one that this release cannot read. */
export class SagaVersionError extends RookeryError {
  override readonly code = 'RKY_SAGA_VERSION';
  override readonly retryable = true;
}

/** Another instance changed the saga meanwhile. */
export class SagaConflictError extends RookeryError {
  override readonly code = 'RKY_SAGA_CONFLICT';
  override readonly status = 409;
  override readonly title = 'Saga changed meanwhile';
  override readonly retryable = true;

  constructor(readonly id: string) {
    super(`saga ${id} was changed by another instance`);
  }
}

/** There is no such saga. */
export class SagaNotFoundError extends RookeryError {
  override readonly code = 'RKY_SAGA_NOT_FOUND';
  override readonly status = 404;
  override readonly title = 'Saga not found';

  constructor(readonly id: string) {
    super(`there is no saga ${id}`);
  }
}

/** A question about sagas that cannot be answered as asked. */
export class InvalidSagaQueryError extends RookeryError {
  override readonly code = 'RKY_SAGA_QUERY';
  override readonly status = 400;
  override readonly title = 'Invalid question';

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
  }
}
