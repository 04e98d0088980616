import { useDatabase } from '@rookery/testing/database';
import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  PoolExhaustedError,
  RollbackOnlyError,
  TransactionUsageError,
} from '../persistence.errors.js';
import { notesMigrations } from '../testing/notes.js';
import { UnitOfWork } from '../unit-of-work/unit-of-work.js';
import { createPool } from './connection-pool.js';
import { Database } from './database.js';
import { statementChannel } from './statement.channels.js';

const db = useDatabase({ migrations: [notesMigrations] });
beforeEach(() => db.clear());

describe('a transaction of Kysely', () => {
  it("refuses Kysely's own transaction inside ours, and honours it outside", async () => {
    const inside = db.unitOfWork.run(() =>
      db.database.current.transaction().execute(async () => 1),
    );
    await expect(inside).rejects.toThrow(TransactionUsageError);
    await db.database.current
      .transaction()
      .execute(async (trx) => trx.insertInto('notes').values({ id: 'k', version: 0 }).execute());
    const failed = db.database.current.transaction().execute(async (trx) => {
      await trx
        .insertInto('notes')
        .values({ id: 'k', version: 0 })
        .execute()
        .catch(() => 0);
    });
    await expect(failed).rejects.toThrow(RollbackOnlyError);
    const rows = await db.database.current.selectFrom('notes').select('id').execute();
    expect(rows).toEqual([{ id: 'k' }]);
  });

  it('gives up instead of waiting for ever when the pool is used up by its callers', async () => {
    const pool = createPool({
      url: db.url,
      poolSize: 1,
      acquireTimeoutMs: 100,
      statementTimeoutMs: 0,
      lockTimeoutMs: 0,
      idleInTransactionTimeoutMs: 0,
      idleTimeoutMs: 0,
      applicationName: 'spec',
      onError: () => undefined,
    });
    const small = new UnitOfWork(new Database(pool));
    const work = small.run(() => small.run(async () => 1, { propagation: 'requires-new' }));
    await expect(work).rejects.toThrow(PoolExhaustedError);
    await expect(small.query('select 1')).resolves.toMatchObject({ rowCount: 1 });
    await pool.end();
  });
});

it('tells the statement channel what was sent, how long it took and what failed', async () => {
  const seen: { sql: string; failed: boolean }[] = [];
  const stop = statementChannel.subscribe(({ sql, error, durationMs }) => {
    expect(durationMs).toBeGreaterThan(0);
    seen.push({ sql, failed: error !== undefined });
  });
  await db.unitOfWork.run(async () => void (await db.unitOfWork.query('select 1')));
  await db.unitOfWork.query('select nothing').catch(() => undefined);
  stop();
  expect(seen).toEqual([
    { sql: 'begin', failed: false },
    { sql: 'select 1', failed: false },
    { sql: 'commit', failed: false },
    { sql: 'select nothing', failed: true },
  ]);
});

it('reads int8 as number or bigint, numeric as text, date as text, timestamptz as Date', async () => {
  const { rows } = await db.unitOfWork.query(
    `select 42::int8 as small, 9007199254740993::int8 as large, array[1, null]::int8[] as list,
            12.30::numeric as money, date '2026-02-03' as day, timestamptz 'epoch' as at`,
  );
  expect(rows).toEqual([
    {
      small: 42,
      large: 9_007_199_254_740_993n,
      list: [1, null],
      money: '12.30',
      day: '2026-02-03',
      at: new Date(0),
    },
  ]);
  // Other pools of the process keep the driver's own reading.
  expect(pg.types.getTypeParser(20)('42')).toBe('42');
});
