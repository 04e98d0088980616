import type { PoolClient, QueryResult } from 'pg';
import {
  CommitUnknownError,
  DatabaseUnavailableError,
  RollbackOnlyError,
  TransactionEndedError,
} from '../persistence.errors.js';
import type { StatementResult } from '../unit-of-work/transaction-host.js';
import type { Isolation, TransactionSession } from '../unit-of-work/transaction-source.js';
import { isConnectionFailure, translateError } from './postgres-error.js';
import { publishStatement } from './statement.channels.js';

/** Something that takes statements: a pool, or one of its connections. */
export interface Queryable {
  query(sql: string, params: unknown[]): Promise<QueryResult>;
}

/** Sends one statement, tells the statement channel, translates what fails. */
export async function execute(
  target: Queryable,
  sql: string,
  params: readonly unknown[],
): Promise<QueryResult> {
  const done = publishStatement(sql);
  try {
    const result = await target.query(sql, params as unknown[]);
    done?.();
    return result;
  } catch (error) {
    done?.(error);
    const { max } = (target as { options?: { max?: number } }).options ?? {};
    throw translateError(error, max);
  }
}

/**
 * One connection whose statements run one after another, in the order they were asked for: the
 * driver is about to refuse a statement while another runs, and `Promise.all` in a transaction is
 * fair use.
 */
export class PgSession implements TransactionSession {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(readonly client: PoolClient) {}

  async begin(isolation?: Isolation): Promise<void> {
    await this.send(isolation === undefined ? 'begin' : `begin isolation level ${isolation}`);
  }

  async query<R>(sql: string, params: readonly unknown[] = []): Promise<StatementResult<R>> {
    const { rows, rowCount } = await this.send(sql, params);
    return { rows: rows as R[], rowCount: rowCount ?? 0 };
  }

  async commit(): Promise<void> {
    const { command } = await this.send('commit').catch((error: unknown) => {
      const lost = error instanceof DatabaseUnavailableError || isConnectionFailure(error);
      throw lost ? new CommitUnknownError(error) : error;
    });
    // After a failed statement PostgreSQL answers COMMIT with success and the tag ROLLBACK.
    if (command === 'ROLLBACK') {
      throw new RollbackOnlyError(new Error('a statement failed, and the failure was caught'));
    }
  }

  async rollback(): Promise<void> {
    await this.send('rollback');
  }

  /** Sends a statement and gives all that the driver says of it. */
  send(sql: string, params: readonly unknown[] = []): Promise<QueryResult> {
    if (this.#closed) return Promise.reject(new TransactionEndedError());
    const result = this.#last.then(() => execute(this.client, sql, params));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Gives the connection back; a handle that somebody kept does not reach it any more. */
  close(broken: boolean): void {
    this.#closed = true;
    this.giveBack(broken);
  }

  protected giveBack(broken: boolean): void {
    this.client.release(broken);
  }
}
