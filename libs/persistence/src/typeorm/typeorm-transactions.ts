import type { PoolClient } from 'pg';
import type pg from 'pg';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, Repository } from 'typeorm';
import { execute, PgSession } from '../database/pg-session.js';
import { isConnectionFailure, translateError } from '../database/postgres-error.js';
import {
  CommitUnknownError,
  RollbackOnlyError,
  TransactionUsageError,
} from '../persistence.errors.js';
import type { StatementResult } from '../unit-of-work/transaction-host.js';
import { TransactionScopes } from '../unit-of-work/transaction-scope.js';
import type { Isolation, TransactionSource } from '../unit-of-work/transaction-source.js';

/** SQLSTATE of a statement that comes after one that failed. */
const IN_FAILED_TRANSACTION = '25P02';

type QueryRunner = ReturnType<DataSource['createQueryRunner']>;

/**
 * TypeORM's connections as a source of transactions: entities saved through {@link manager} or
 * {@link repository} and the messages published beside them commit together or not at all.
 */
export class TypeOrmTransactions implements TransactionSource<TypeOrmSession> {
  /** @internal Which transaction a call runs in; the unit of work keeps it. */
  readonly scopes = new TransactionScopes<TypeOrmSession>();
  /** @internal The connections underneath. */
  readonly pool: pg.Pool;

  /** @throws TransactionUsageError unless the data source is an initialized one of PostgreSQL */
  constructor(private readonly dataSource: DataSource) {
    const { type } = dataSource.options;
    if (type !== 'postgres' || !dataSource.isInitialized) {
      throw new TransactionUsageError(
        `the data source of TypeORM is of type '${type}' and ` +
          `${dataSource.isInitialized ? '' : 'not '}initialized; expected 'postgres', initialized`,
      );
    }
    this.pool = (dataSource.driver as unknown as { master: pg.Pool }).master;
  }

  /**
   * The entity manager of the current transaction; outside of any, the data source's own.
   *
   * @throws TransactionEndedError when called by work that its transaction did not wait for
   */
  get manager(): EntityManager {
    return this.scopes.session?.runner.manager ?? this.dataSource.manager;
  }

  /** The repository of an entity in the current transaction, see {@link manager}. */
  repository<E extends ObjectLiteral>(entity: EntityTarget<E>): Repository<E> {
    return this.manager.getRepository(entity);
  }

  /** @internal For the unit of work. */
  async open(): Promise<TypeOrmSession> {
    const runner = this.dataSource.createQueryRunner('master');
    try {
      return new TypeOrmSession(runner, (await runner.connect()) as PoolClient);
    } catch (error) {
      await runner.release();
      throw translateError(error, this.pool.options.max);
    }
  }

  /** @internal For the unit of work. */
  async query<R>(sql: string, params: readonly unknown[]): Promise<StatementResult<R>> {
    const { rows, rowCount } = await execute(this.pool, sql, params);
    return { rows: rows as R[], rowCount: rowCount ?? 0 };
  }
}

/** A query runner's connection. TypeORM begins and ends the transaction, as its subscribers expect. */
class TypeOrmSession extends PgSession {
  constructor(
    readonly runner: QueryRunner,
    client: PoolClient,
  ) {
    super(client);
  }

  override async begin(isolation?: Isolation): Promise<void> {
    await this.runner.startTransaction(
      isolation?.toUpperCase() as Parameters<QueryRunner['startTransaction']>[0],
    );
  }

  override async commit(): Promise<void> {
    // After a failed statement PostgreSQL answers COMMIT with success and rolls back, and TypeORM
    // does not look at the tag. The driver's own view of the state lags behind a failure.
    await this.send('select 1').catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== IN_FAILED_TRANSACTION) throw error;
      throw new RollbackOnlyError(new Error('a statement failed, and the failure was caught'));
    });
    try {
      await this.runner.commitTransaction();
    } catch (error) {
      const cause = driverError(error);
      throw isConnectionFailure(cause) ? new CommitUnknownError(cause) : translateError(cause);
    }
  }

  override async rollback(): Promise<void> {
    await this.runner.rollbackTransaction();
  }

  protected override giveBack(broken: boolean): void {
    // A connection that is ending is not given to anybody else.
    if (broken) this.client.end().catch(() => undefined);
    this.runner.release().catch(() => undefined);
  }
}

/** What the driver said, without TypeORM's wrapping. */
function driverError(error: unknown): unknown {
  return (error as { driverError?: unknown }).driverError ?? error;
}
