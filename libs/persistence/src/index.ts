export {
  TransactionHost,
  type Propagation,
  type StatementResult,
  type TransactionOptions,
} from './unit-of-work/transaction-host.js';
export {
  UnitOfWork,
  type HookFailureListener,
  type UnitOfWorkOptions,
} from './unit-of-work/unit-of-work.js';
export type {
  Isolation,
  TransactionSession,
  TransactionSource,
} from './unit-of-work/transaction-source.js';
export { TransactionScope, TransactionScopes } from './unit-of-work/transaction-scope.js';
export { Transactional } from './unit-of-work/transactional.decorator.js';
export { Database } from './database/database.js';
export { createPool, type PoolSettings } from './database/connection-pool.js';
export { isConnectionFailure, translateError } from './database/postgres-error.js';
export { statementChannel, type StatementMessage } from './database/statement.channels.js';
export { defineMigrations, type MigrationSet } from './migrations/migration-set.js';
export { migrate, pendingMigrations, type PendingMigration } from './migrations/migrator.js';
export {
  CommitUnknownError,
  DatabaseUnavailableError,
  DatabaseUnreachableError,
  DeadlockError,
  EmbeddedPostgresError,
  LockTimeoutError,
  MigrationError,
  PoolExhaustedError,
  RollbackOnlyError,
  SerializationFailureError,
  StatementTimeoutError,
  TransactionEndedError,
  TransactionUsageError,
} from './persistence.errors.js';
export {
  EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './embedded-postgres/embedded-postgres.js';
export { PersistenceModule, type PersistenceOptions } from './persistence.module.js';
export { databaseSchema, type DatabaseConfig } from './persistence.options.js';
