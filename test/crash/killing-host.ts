import { AsyncLocalStorage } from 'node:async_hooks';
import {
  TransactionHost,
  type StatementResult,
  type TransactionOptions,
} from '@rookery/persistence';
import type { KillSwitch } from './kill-switch.js';

type Statement =
  'business' | 'outbox' | 'inbox' | 'lease' | 'read' | 'delete' | 'park' | 'replayed';

const STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^\s*insert into (orders|effects)\b/, 'business'],
  [/^\s*insert into rookery_outbox\b/, 'outbox'],
  [/^\s*insert into rookery_inbox\b/, 'inbox'],
  [/pg_try_advisory_xact_lock/, 'lease'],
  [/^\s*select\b[^]*\bvalue\b[^]*\bfrom rookery_outbox\b/, 'read'],
  [/^\s*delete from rookery_outbox\b/, 'delete'],
  [/^\s*insert into rookery_failed_messages\b/, 'park'],
  [/^\s*update rookery_failed_messages\s+set status\b/, 'replayed'],
];

/** A service's database, which the process does not survive at points that are statements. */
export class KillingHost extends TransactionHost {
  /** What the current transaction has written. */
  readonly #written = new AsyncLocalStorage<Set<Statement>>();

  constructor(
    private readonly inner: TransactionHost,
    private readonly kills: KillSwitch,
    /** Whether to take every message for a new one, as a service without an inbox does. */
    private readonly forgetful: boolean,
  ) {
    super();
  }

  get active(): boolean {
    return this.inner.active;
  }

  afterCommit(fn: () => void | Promise<void>): void {
    this.inner.afterCommit(fn);
  }

  async run<T>(fn: () => Promise<T>, options?: TransactionOptions): Promise<T> {
    const joins = this.active && options?.propagation !== 'requires-new';
    if (joins) return this.inner.run(fn, options);
    const written = new Set<Statement>();
    const result = await this.inner.run(
      () =>
        this.#written.run(written, async () => {
          const value = await fn();
          if (written.has('inbox')) this.kills.reached('consumer:after-handler-before-commit');
          return value;
        }),
      options,
    );
    if (written.has('park')) this.kills.reached('park:after-commit');
    if (written.has('replayed')) this.kills.reached('replay:after-commit');
    if (written.has('outbox')) this.kills.reached('commit:before-reply');
    return result;
  }

  async query<R = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
  ): Promise<StatementResult<R>> {
    const statement = STATEMENTS.find(([pattern]) => pattern.test(sql))?.[1];
    if (statement === 'inbox' && this.forgetful) return { rows: [], rowCount: 1 };
    if (statement !== undefined) this.#before(statement);
    const sent = this.inner.query<R>(sql, params);
    if (statement === 'delete' && this.kills.due('relay:mid-delete')) {
      // The statement is on its way once this turn of the event loop is over.
      await new Promise((resolve) => setImmediate(resolve));
      this.kills.kill('relay:mid-delete');
    }
    const result = await sent;
    if (statement !== undefined && result.rowCount > 0) this.#after(statement);
    return result;
  }

  #before(statement: Statement): void {
    if (statement === 'business') this.kills.reached('business-write:before');
    if (statement === 'outbox') this.kills.reached('outbox-insert:before');
  }

  #after(statement: Statement): void {
    this.#written.getStore()?.add(statement);
    switch (statement) {
      case 'business':
        return this.kills.reached('business-write:after');
      case 'outbox':
        return this.kills.reached('outbox-insert:after');
      case 'inbox':
        return this.kills.reached('consumer:after-inbox-insert');
      case 'lease':
        return this.kills.reached('relay:after-lease');
      case 'read':
        return this.kills.reached('relay:after-read');
      case 'park':
        return this.kills.reached('park:before-commit');
      case 'replayed':
        return this.kills.reached('replay:before-commit');
      case 'delete':
        return;
    }
  }
}
