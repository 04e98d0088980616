import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionEndedError } from '../persistence.errors.js';
import type { TransactionSession } from './transaction-source.js';

/** One transaction or savepoint that is open, and what was asked of it. */
export class TransactionScope<S extends TransactionSession = TransactionSession> {
  /** What to do after the commit, in the order it was asked for. */
  readonly afterCommit: (() => void | Promise<void>)[] = [];
  /** Why nothing of this scope may be committed any more. */
  rollbackOnly: { readonly cause: unknown } | undefined;
  ended = false;
  /** Ends when the last savepoint opened in this scope has ended: savepoints cannot interleave. */
  savepoints: Promise<unknown> = Promise.resolve();

  constructor(
    readonly session: S,
    readonly isolation: string | undefined,
    readonly parent?: TransactionScope<S>,
  ) {}

  get depth(): number {
    return this.parent === undefined ? 0 : this.parent.depth + 1;
  }
}

/** Which transaction a call runs in. One per database, so that several apps can share a process. */
export class TransactionScopes<S extends TransactionSession = TransactionSession> {
  readonly #storage = new AsyncLocalStorage<TransactionScope<S> | undefined>();

  /** The scope the caller runs in, if it is still open. */
  get open(): TransactionScope<S> | undefined {
    const scope = this.#storage.getStore();
    return scope === undefined || scope.ended ? undefined : scope;
  }

  /**
   * The connection of the transaction the caller was started in; `undefined` outside of any.
   *
   * @throws TransactionEndedError when called by work that its transaction did not wait for
   */
  get session(): S | undefined {
    const scope = this.#storage.getStore();
    if (scope?.ended) throw new TransactionEndedError();
    return scope?.session;
  }

  within<T>(scope: TransactionScope<S> | undefined, fn: () => T): T {
    return this.#storage.run(scope, fn);
  }
}
