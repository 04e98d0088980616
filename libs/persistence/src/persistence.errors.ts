import { RookeryError } from '@rookery/core';

/** The database cannot be reached, or it broke the connection. Repeating may help. */
export class DatabaseUnavailableError extends RookeryError {
  override readonly code = 'RKY_DB_UNAVAILABLE';
  override readonly status = 503;
  override readonly title = 'Database unavailable';
  override readonly retryable = true;

  constructor(cause: unknown) {
    super('the database is not available', { cause });
  }
}

/** No connection became free in time: too much work at once, or transactions that wait for more. */
export class PoolExhaustedError extends RookeryError {
  override readonly code = 'RKY_DB_POOL_EXHAUSTED';
  override readonly status = 503;
  override readonly title = 'No database connection free';
  override readonly retryable = true;

  constructor(
    /** How many connections the pool may have. */
    readonly poolSize: number,
    cause: unknown,
  ) {
    super(`all ${poolSize} database connections stayed in use`, { cause });
  }
}

/** PostgreSQL ended this transaction because it and another one waited for each other (40P01). */
export class DeadlockError extends RookeryError {
  override readonly code = 'RKY_DB_DEADLOCK';
  override readonly status = 503;
  override readonly title = 'Deadlock';
  override readonly retryable = true;

  constructor(cause: unknown) {
    super('the transaction met a deadlock and was rolled back', { cause });
  }
}

/** A concurrent transaction changed what this one had read (40001). */
export class SerializationFailureError extends RookeryError {
  override readonly code = 'RKY_DB_SERIALIZATION';
  override readonly status = 503;
  override readonly title = 'Serialization failure';
  override readonly retryable = true;

  constructor(cause: unknown) {
    super('a concurrent transaction got in the way', { cause });
  }
}

/** A row or table stayed locked longer than `database.lockTimeout` (55P03). */
export class LockTimeoutError extends RookeryError {
  override readonly code = 'RKY_DB_LOCK_TIMEOUT';
  override readonly status = 503;
  override readonly title = 'Lock timeout';
  override readonly retryable = true;

  constructor(cause: unknown) {
    super('a needed row stayed locked', { cause });
  }
}

/** A statement ran longer than `database.statementTimeout`, or was cancelled (57014). */
export class StatementTimeoutError extends RookeryError {
  override readonly code = 'RKY_DB_STATEMENT_TIMEOUT';
  override readonly status = 504;
  override readonly title = 'Statement timeout';
  override readonly retryable = true;

  constructor(cause: unknown) {
    super('a database statement took too long', { cause });
  }
}

/** The connection broke while committing: the work may be done or not. Never retried blindly. */
export class CommitUnknownError extends RookeryError {
  override readonly code = 'RKY_DB_COMMIT_UNKNOWN';
  override readonly status = 503;
  override readonly title = 'Commit outcome unknown';

  constructor(cause: unknown) {
    super('the connection broke during commit, so the outcome is unknown', { cause });
  }
}

/**
 * The outermost transaction was asked to commit although a part of it had failed and was caught on
 * the way: everything was rolled back. Use propagation `nested` for parts that may fail.
 */
export class RollbackOnlyError extends RookeryError {
  override readonly code = 'RKY_DB_ROLLBACK_ONLY';

  constructor(cause: unknown) {
    super('the transaction was rolled back: a part of it had failed, and the failure was caught', {
      cause,
    });
  }
}

/** A statement came after its transaction had ended: a promise was not awaited inside it. */
export class TransactionEndedError extends RookeryError {
  override readonly code = 'RKY_DB_TRANSACTION_ENDED';

  constructor() {
    super(
      'the transaction of this call has ended: await all work inside it, or give work that ' +
        'outlives it a transaction of its own with unitOfWork.run()',
    );
  }
}

/** A transaction cannot be had as asked. */
export class TransactionUsageError extends RookeryError {
  override readonly code = 'RKY_DB_TRANSACTION_USAGE';
}

/** The database did not answer, or refused us, until the start gave up. */
export class DatabaseUnreachableError extends RookeryError {
  override readonly code = 'RKY_DB_UNREACHABLE';
}

/** A migration failed, or the database was migrated by something else. */
export class MigrationError extends RookeryError {
  override readonly code = 'RKY_DB_MIGRATION';
}

/** The embedded PostgreSQL cannot be started, adopted, stopped or cleared. */
export class EmbeddedPostgresError extends RookeryError {
  override readonly code = 'RKY_DB_EMBEDDED';
}
