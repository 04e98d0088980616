import { Kysely } from 'kysely';
import type pg from 'pg';
import { TransactionEndedError } from '../persistence.errors.js';
import { TransactionScopes } from '../unit-of-work/transaction-scope.js';
import { poolDialect } from './kysely-dialect.js';

/**
 * A service's database.
 *
 * @typeParam Schema Kysely's table types, `{ orders: { id: string, ... } }`
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a schema is opt-in
export class Database<Schema = any> {
  readonly #root: Kysely<Schema>;
  /** @internal Which transaction a call runs in; the unit of work keeps it. */
  readonly scopes = new TransactionScopes();

  constructor(
    /** The connections underneath. For what Kysely cannot do; it knows of no transaction. */
    readonly pool: pg.Pool,
  ) {
    this.#root = new Kysely<Schema>({ dialect: poolDialect(pool) });
  }

  /**
   * Kysely in the current transaction; outside of any, each query stands for itself.
   *
   * @throws TransactionEndedError when called by work that its transaction did not wait for
   */
  get current(): Kysely<Schema> {
    const scope = this.scopes.inherited;
    if (scope === undefined) return this.#root;
    if (scope.ended) throw new TransactionEndedError();
    return scope.kysely as unknown as Kysely<Schema>;
  }
}
