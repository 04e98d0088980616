/** How a piece of work relates to the transaction it is called in. */
export type Propagation =
  /** Joins the current transaction, or begins one. */
  | 'required'
  /** Begins one of its own on another connection; the current one waits and is not affected. */
  | 'requires-new'
  /** A savepoint in the current transaction, so that its failure can be caught; or begins one. */
  | 'nested';

/** Options of {@link TransactionHost.run}. */
export interface TransactionOptions {
  /** @default 'required' */
  propagation?: Propagation;
}

/** What a statement gave. */
export interface StatementResult<R> {
  rows: R[];
  /** Rows read or affected. */
  rowCount: number;
}

/**
 * What messaging and sagas need of a database: run in a transaction, send SQL, hear of the commit.
 * The platform's own is `UnitOfWork`; an adapter for another ORM implements the same four members
 * and is provided under this class as its token.
 */
export abstract class TransactionHost {
  /**
   * Runs `fn` in a transaction; commits when it resolves, rolls back when it rejects.
   *
   * @throws RollbackOnlyError when a joined part failed and `fn` resolved all the same
   */
  abstract run<T>(fn: () => Promise<T>, options?: TransactionOptions): Promise<T>;

  /** Whether the caller runs inside a transaction that is still open. */
  abstract get active(): boolean;

  /** Sends one statement with `$1` parameters: in the current transaction, else on its own. */
  abstract query<R = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
  ): Promise<StatementResult<R>>;

  /**
   * Calls `fn` once the current outermost transaction has committed, never when it rolls back;
   * at once when there is none. What `fn` throws is logged and does not reach the caller, whose
   * work is done by then.
   */
  abstract afterCommit(fn: () => void | Promise<void>): void;
}
