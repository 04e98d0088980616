import type { StatementResult } from './transaction-host.js';
import type { TransactionScopes } from './transaction-scope.js';

/** Isolation of a transaction that is begun; PostgreSQL's default is read committed. */
export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

/** One connection that is reserved for one transaction. */
export interface TransactionSession {
  begin(isolation: Isolation | undefined): Promise<void>;

  /** Sends a statement; those asked for side by side run one after another. */
  query<R>(sql: string, params?: readonly unknown[]): Promise<StatementResult<R>>;

  /**
   * @throws RollbackOnlyError when a statement had failed, so that there was nothing to commit
   * @throws CommitUnknownError when the connection broke, so that nobody knows
   */
  commit(): Promise<void>;

  rollback(): Promise<void>;

  /** Gives the connection back, or away when it is `broken`. A kept handle does not reach it. */
  close(broken: boolean): void;
}

/**
 * Where a `UnitOfWork` gets its transactions from. The platform's own is `Database`; an adapter for
 * an ORM hands out the ORM's connections, so that its entities and the outbox commit together.
 */
export interface TransactionSource<S extends TransactionSession = TransactionSession> {
  /** Which transaction a call runs in. */
  readonly scopes: TransactionScopes<S>;

  /**
   * Reserves a connection.
   *
   * @throws PoolExhaustedError when none became free in time
   * @throws DatabaseUnavailableError when there is none to be had
   */
  open(): Promise<S>;

  /** Sends a statement outside of any transaction. */
  query<R>(sql: string, params: readonly unknown[]): Promise<StatementResult<R>>;
}
