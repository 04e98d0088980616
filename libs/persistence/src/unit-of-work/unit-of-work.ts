import {
  CommitUnknownError,
  RollbackOnlyError,
  TransactionUsageError,
} from '../persistence.errors.js';
import {
  TransactionHost,
  type StatementResult,
  type TransactionOptions,
} from './transaction-host.js';
import { TransactionScope } from './transaction-scope.js';
import type { Isolation, TransactionSession, TransactionSource } from './transaction-source.js';

/** Options of {@link UnitOfWork.run}. */
export interface UnitOfWorkOptions extends TransactionOptions {
  /** Only where a transaction begins: a joined or nested part must not ask for another. */
  isolation?: Isolation;
}

/** Hears of an `afterCommit` hook that failed. */
export type HookFailureListener = (error: unknown) => void;

/**
 * Transactions that travel with the call: whatever runs inside `run`, however deep, and uses
 * `database.current` or `query` takes part, without a transaction object being handed around.
 */
export class UnitOfWork extends TransactionHost {
  constructor(
    private readonly source: TransactionSource,
    private readonly onHookFailure: HookFailureListener = (error) =>
      process.emitWarning(`afterCommit hook failed: ${String(error)}`),
  ) {
    super();
  }

  get active(): boolean {
    return this.source.scopes.open !== undefined;
  }

  run<T>(fn: () => Promise<T>, options: UnitOfWorkOptions = {}): Promise<T> {
    const { propagation = 'required', isolation } = options;
    const scope = this.source.scopes.open;
    if (scope === undefined || propagation === 'requires-new') return this.#begin(fn, isolation);
    if (isolation !== undefined && isolation !== scope.isolation) {
      return Promise.reject(
        new TransactionUsageError(`cannot join a transaction with isolation '${isolation}'`),
      );
    }
    return propagation === 'nested' ? this.#nest(scope, fn) : this.#join(scope, fn);
  }

  async query<R = Record<string, unknown>>(
    sql: string,
    params: readonly unknown[] = [],
  ): Promise<StatementResult<R>> {
    const session = this.source.scopes.session;
    return session === undefined
      ? this.source.query<R>(sql, params)
      : session.query<R>(sql, params);
  }

  afterCommit(fn: () => void | Promise<void>): void {
    const scope = this.source.scopes.open;
    if (scope === undefined) void this.#runHooks([fn]);
    else scope.afterCommit.push(fn);
  }

  async #begin<T>(fn: () => Promise<T>, isolation: Isolation | undefined): Promise<T> {
    const session = await this.source.open();
    const scope = new TransactionScope(session, isolation);
    let broken = false;
    let result: T;
    try {
      await session.begin(isolation);
      result = await this.source.scopes.within(scope, fn);
      if (scope.rollbackOnly !== undefined) throw new RollbackOnlyError(scope.rollbackOnly.cause);
      scope.ended = true;
      await session.commit();
    } catch (error) {
      scope.ended = true;
      broken = error instanceof CommitUnknownError || !(await rolledBack(session));
      throw error;
    } finally {
      session.close(broken);
    }
    await this.#runHooks(scope.afterCommit);
    return result;
  }

  async #join<T>(scope: TransactionScope, fn: () => Promise<T>): Promise<T> {
    try {
      return await fn();
    } catch (error) {
      scope.rollbackOnly ??= { cause: error };
      throw error;
    }
  }

  #nest<T>(parent: TransactionScope, fn: () => Promise<T>): Promise<T> {
    const result = parent.savepoints.then(() => this.#inSavepoint(parent, fn));
    parent.savepoints = result.catch(() => undefined);
    return result;
  }

  async #inSavepoint<T>(parent: TransactionScope, fn: () => Promise<T>): Promise<T> {
    const scope = new TransactionScope(parent.session, parent.isolation, parent);
    const name = `rookery_${scope.depth}`;
    await scope.session.query(`savepoint ${name}`);
    try {
      const result = await this.source.scopes.within(scope, fn);
      if (scope.rollbackOnly !== undefined) throw new RollbackOnlyError(scope.rollbackOnly.cause);
      scope.ended = true;
      await release(scope, name);
      parent.afterCommit.push(...scope.afterCommit);
      return result;
    } catch (error) {
      scope.ended = true;
      await this.#rollbackTo(parent, name);
      throw error;
    }
  }

  async #rollbackTo(parent: TransactionScope, name: string): Promise<void> {
    try {
      await parent.session.query(`rollback to savepoint ${name}`);
      await parent.session.query(`release savepoint ${name}`);
    } catch (error) {
      // The connection is gone, and with it the transaction; the first failure tells more.
      parent.rollbackOnly ??= { cause: error };
    }
  }

  async #runHooks(hooks: readonly (() => void | Promise<void>)[]): Promise<void> {
    // Outside of the ended scope: a hook that uses the database is work of its own.
    await this.source.scopes.within(undefined, async () => {
      for (const hook of hooks) {
        try {
          await hook();
        } catch (error) {
          this.onHookFailure(error);
        }
      }
    });
  }
}

async function release(scope: TransactionScope, name: string): Promise<void> {
  try {
    await scope.session.query(`release savepoint ${name}`);
  } catch (error) {
    const IN_FAILED_TRANSACTION = '25P02';
    throw (error as { code?: unknown }).code === IN_FAILED_TRANSACTION
      ? new RollbackOnlyError(new Error('a statement failed, and the failure was caught'))
      : error;
  }
}

/** Whether the connection can be used again. */
async function rolledBack(session: TransactionSession): Promise<boolean> {
  try {
    await session.rollback();
    return true;
  } catch {
    return false;
  }
}
