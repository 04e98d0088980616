import type { PoolClient, QueryResult } from 'pg';
import { TransactionEndedError } from '../persistence.errors.js';
import { translateError } from './postgres-error.js';
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
export class PgSession {
  #last: Promise<unknown> = Promise.resolve();

  #closed = false;

  constructor(readonly client: PoolClient) {}

  query(sql: string, params: readonly unknown[] = []): Promise<QueryResult> {
    if (this.#closed) return Promise.reject(new TransactionEndedError());
    const result = this.#last.then(() => execute(this.client, sql, params));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Gives the connection back; a handle that somebody kept does not reach it any more. */
  close(broken: boolean): void {
    this.#closed = true;
    this.client.release(broken);
  }
}
