import {
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type pg from 'pg';
import { TransactionUsageError } from '../persistence.errors.js';
import { PgSession } from './pg-session.js';
import { translateError } from './postgres-error.js';

/** Kysely on a pool: each query takes a connection and gives it back. */
export function poolDialect(pool: pg.Pool): Dialect {
  return dialect(() => new PoolDriver(pool));
}

/** Kysely on one connection that somebody else began a transaction on. */
export function sessionDialect(session: PgSession): Dialect {
  return dialect(() => new SessionDriver(session));
}

function dialect(createDriver: () => Driver): Dialect {
  return {
    createDriver,
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
  };
}

class KyselyConnection implements DatabaseConnection {
  /** Set when its transaction could not be ended: nobody may get this connection again. */
  broken = false;

  constructor(readonly session: PgSession) {}

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const { command, rowCount, rows } = await this.session.send(compiled.sql, compiled.parameters);
    const affecting = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command);
    return {
      rows: (rows as R[] | undefined) ?? [],
      ...(affecting ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}),
    };
  }

  streamQuery(): never {
    throw new TransactionUsageError('streaming is not supported: page with a key and a limit');
  }
}

class PoolDriver implements Driver {
  constructor(private readonly pool: pg.Pool) {}

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      return new KyselyConnection(new PgSession(await this.pool.connect()));
    } catch (error) {
      throw translateError(error, this.pool.options.max);
    }
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings) {
    const isolation =
      settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`;
    const access = settings.accessMode === undefined ? '' : ` ${settings.accessMode}`;
    await connection.executeQuery(CompiledQuery.raw(`start transaction${isolation}${access}`));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as KyselyConnection).session.commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'));
    } catch (error) {
      (connection as KyselyConnection).broken = true;
      throw error;
    }
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const { session, broken } = connection as KyselyConnection;
    session.close(broken);
  }

  // The pool belongs to whoever made it.
  async destroy(): Promise<void> {}
}

class SessionDriver implements Driver {
  readonly #connection: KyselyConnection;

  constructor(session: PgSession) {
    this.#connection = new KyselyConnection(session);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }

  async beginTransaction(): Promise<void> {
    throw new TransactionUsageError(
      'a transaction is open already: use unitOfWork.run(fn, { propagation }) within it',
    );
  }

  async commitTransaction(): Promise<void> {}
  async rollbackTransaction(): Promise<void> {}
  async releaseConnection(): Promise<void> {}
  async destroy(): Promise<void> {}
}
