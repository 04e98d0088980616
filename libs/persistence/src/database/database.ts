import { Kysely } from 'kysely';
import type pg from 'pg';
import { TransactionScopes } from '../unit-of-work/transaction-scope.js';
import type { StatementResult } from '../unit-of-work/transaction-host.js';
import type { TransactionSource } from '../unit-of-work/transaction-source.js';
import { poolDialect, sessionDialect } from './kysely-dialect.js';
import { execute, PgSession } from './pg-session.js';
import { translateError } from './postgres-error.js';

/**
 * A service's database.
 *
 * @typeParam Schema Kysely's table types, `{ orders: { id: string, ... } }`
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a schema is opt-in
export class Database<Schema = any> implements TransactionSource<KyselySession> {
  readonly #root: Kysely<Schema>;
  /** @internal Which transaction a call runs in; the unit of work keeps it. */
  readonly scopes = new TransactionScopes<KyselySession>();

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
    return (this.scopes.session?.kysely ?? this.#root) as Kysely<Schema>;
  }

  /** @internal For the unit of work. */
  async open(): Promise<KyselySession> {
    try {
      return new KyselySession(await this.pool.connect());
    } catch (error) {
      throw translateError(error, this.pool.options.max);
    }
  }

  /** @internal For the unit of work. */
  async query<R>(sql: string, params: readonly unknown[]): Promise<StatementResult<R>> {
    const { rows, rowCount } = await execute(this.pool, sql, params);
    return { rows: rows as R[], rowCount: rowCount ?? 0 };
  }
}

/** A connection with Kysely on it, made when it is first asked for. */
class KyselySession extends PgSession {
  #kysely: Kysely<unknown> | undefined;

  get kysely(): Kysely<unknown> {
    this.#kysely ??= new Kysely({ dialect: sessionDialect(this) });
    return this.#kysely;
  }
}
