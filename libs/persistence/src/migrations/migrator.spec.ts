import { InvalidOptionError } from '@rookery/core';
import { useDatabase } from '@rookery/testing/database';
import { sql, type Kysely } from 'kysely';
import { describe, expect, it } from 'vitest';
import { MigrationError } from '../persistence.errors.js';
import { defineMigrations } from './migration-set.js';
import { migrate, pendingMigrations } from './migrator.js';

const db = useDatabase();

const table = (name: string) => ({
  up: async (kysely: Kysely<unknown>) => {
    await kysely.schema.createTable(name).addColumn('id', 'text').execute();
  },
});

const tables = async (): Promise<string[]> => {
  const { rows } = await db.database.pool.query<{ name: string }>(
    `select tablename as name from pg_tables
      where schemaname = 'public' and tablename not like 'rookery%' order by 1`,
  );
  return rows.map(({ name }) => name);
};

describe('migrate', () => {
  it('runs what is due of each set, once, however many instances start together', async () => {
    const { pool } = db.database;
    const orders = defineMigrations('orders', { '001-orders': table('orders') });
    const outbox = defineMigrations('outbox', { '001-outbox': table('outbox') });
    expect(await pendingMigrations(pool, [orders, outbox])).toHaveLength(2);
    const runs = await Promise.all([1, 2, 3].map(() => migrate(pool, [orders, outbox])));
    // Whichever instance came first with a set, each migration ran once.
    const ran = runs.flat().map(({ set, name }) => `${set} ${name}`);
    expect(ran.sort()).toEqual(['orders 001-orders', 'outbox 001-outbox']);
    expect(await tables()).toEqual(['orders', 'outbox']);
    expect(await pendingMigrations(pool, [orders, outbox])).toEqual([]);

    const grown = defineMigrations('orders', {
      ...orders.migrations,
      '002-lines': table('lines'),
    });
    expect(await migrate(pool, [grown])).toEqual([{ set: 'orders', name: '002-lines' }]);
    // The release before starts again, after a rollback say.
    expect(await migrate(pool, [orders])).toEqual([]);
    expect(await pendingMigrations(pool, [orders])).toEqual([]);
  });

  it('undoes a set that fails and names the migration', async () => {
    const { pool } = db.database;
    const set = defineMigrations('broken', {
      '001-fine': table('fine'),
      '002-wrong': { up: async (kysely) => void (await sql`select wrong`.execute(kysely)) },
    });
    await expect(migrate(pool, [set])).rejects.toThrow(MigrationError);
    await expect(migrate(pool, [set])).rejects.toThrow(/broken\/002-wrong failed: column "wrong"/);
    expect(await tables()).not.toContain('fine');
    expect(await pendingMigrations(pool, [set])).toHaveLength(2);
  });
});

describe('defineMigrations', () => {
  it('refuses names that would not sort or fit a table name', () => {
    const define = () => defineMigrations('Orders!', { first: table('a') });
    expect(define).toThrow(InvalidOptionError);
    expect(define).toThrow(/set: 'Orders!'.*'first' is not allowed/);
  });
});
