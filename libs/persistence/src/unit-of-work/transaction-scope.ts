import { AsyncLocalStorage } from 'node:async_hooks';
import { Kysely } from 'kysely';
import { sessionDialect } from '../database/kysely-dialect.js';
import type { PgSession } from '../database/pg-session.js';

/** One transaction or savepoint that is open, and what was asked of it. */
export class TransactionScope {
  /** What to do after the commit, in the order it was asked for. */
  readonly afterCommit: (() => void | Promise<void>)[] = [];
  /** Why nothing of this scope may be committed any more. */
  rollbackOnly: { readonly cause: unknown } | undefined;
  ended = false;
  /** Ends when the last savepoint opened in this scope has ended: savepoints cannot interleave. */
  savepoints: Promise<unknown> = Promise.resolve();
  #kysely: Kysely<unknown> | undefined;

  constructor(
    readonly session: PgSession,
    readonly isolation: string | undefined,
    readonly parent?: TransactionScope,
  ) {}

  get kysely(): Kysely<unknown> {
    this.#kysely ??= this.parent?.kysely ?? new Kysely({ dialect: sessionDialect(this.session) });
    return this.#kysely;
  }

  get depth(): number {
    return this.parent === undefined ? 0 : this.parent.depth + 1;
  }
}

/** Which transaction a call runs in. One per database, so that several apps can share a process. */
export class TransactionScopes {
  readonly #storage = new AsyncLocalStorage<TransactionScope | undefined>();

  /** The scope the caller was started in, which may have ended meanwhile. */
  get inherited(): TransactionScope | undefined {
    return this.#storage.getStore();
  }

  /** The scope the caller runs in, if it is still open. */
  get open(): TransactionScope | undefined {
    const scope = this.#storage.getStore();
    return scope === undefined || scope.ended ? undefined : scope;
  }

  within<T>(scope: TransactionScope | undefined, fn: () => T): T {
    return this.#storage.run(scope, fn);
  }
}
