import { useDatabase } from '@rookery/testing/database';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../database/database.js';
import {
  CommitUnknownError,
  DatabaseUnavailableError,
  DeadlockError,
  LockTimeoutError,
  SerializationFailureError,
  StatementTimeoutError,
} from '../persistence.errors.js';
import { notesMigrations, type NotesSchema } from '../testing/notes.js';
import { UnitOfWork } from './unit-of-work.js';

const db = useDatabase({ migrations: [notesMigrations] });
let unitOfWork: UnitOfWork;

beforeAll(() => {
  unitOfWork = new UnitOfWork(db.database);
});

beforeEach(async () => {
  await db.clear();
});

const insert = async (id: string): Promise<void> => {
  const notes = (db.database as Database<NotesSchema>).current;
  await notes.insertInto('notes').values({ id, version: 0 }).execute();
};

const stored = async (): Promise<string[]> => {
  const { rows } = await db.database.pool.query<{ id: string }>('select id from notes order by id');
  return rows.map(({ id }) => id);
};

describe('failures of the database', () => {
  it('tells a deadlock as an error that may be repeated', async () => {
    await insert('a');
    await insert('b');
    let arrived = 0;
    let bothHold = (): void => undefined;
    const both = new Promise<void>((resolve) => (bothHold = resolve));
    const lock = (first: string, second: string): Promise<void> =>
      unitOfWork.run(async () => {
        await unitOfWork.query('select 1 from notes where id = $1 for update', [first]);
        if (++arrived === 2) bothHold();
        await both;
        await unitOfWork.query('select 1 from notes where id = $1 for update', [second]);
      });
    const outcomes = await Promise.allSettled([lock('a', 'b'), lock('b', 'a')]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toBeInstanceOf(DeadlockError);
    expect(failed[0]?.reason).toMatchObject({ retryable: true, cause: { code: '40P01' } });
  });

  it('tells a serialization failure as an error that may be repeated', async () => {
    await insert('a');
    const work = unitOfWork.run(
      async () => {
        await unitOfWork.query('select version from notes');
        await unitOfWork.run(
          async () => void (await unitOfWork.query('update notes set version = version + 1')),
          { propagation: 'requires-new' },
        );
        await unitOfWork.query('update notes set version = version + 1');
      },
      { isolation: 'repeatable read' },
    );
    await expect(work).rejects.toThrow(SerializationFailureError);
  });

  it('tells waiting for a lock and running too long apart', async () => {
    await insert('a');
    await unitOfWork.run(async () => {
      await unitOfWork.query('select 1 from notes for update');
      const locked = unitOfWork.run(
        async () => {
          await unitOfWork.query("set local lock_timeout = '20ms'");
          await unitOfWork.query('select 1 from notes for update');
        },
        { propagation: 'requires-new' },
      );
      await expect(locked).rejects.toThrow(LockTimeoutError);
    });
    const slow = unitOfWork.run(async () => {
      await unitOfWork.query("set local statement_timeout = '20ms'");
      await unitOfWork.query('select pg_sleep(10)');
    });
    await expect(slow).rejects.toThrow(StatementTimeoutError);
  });

  it('survives a connection that breaks between two statements, and takes another', async () => {
    const work = unitOfWork.run(async () => {
      const { rows } = await unitOfWork.query<{ pid: number }>('select pg_backend_pid() as pid');
      await db.database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await unitOfWork.query('select 1');
    });
    await expect(work).rejects.toThrow(DatabaseUnavailableError);
    await unitOfWork.run(() => insert('next'));
    expect(await stored()).toEqual(['next']);
  });

  it('says so when it cannot know whether the commit took place', async () => {
    const work = unitOfWork.run(async () => {
      const { rows } = await unitOfWork.query<{ pid: number }>('select pg_backend_pid() as pid');
      await db.database.pool.query('select pg_terminate_backend($1, 1000)', [rows[0]?.pid]);
    });
    await expect(work).rejects.toThrow(CommitUnknownError);
    await expect(work).rejects.toMatchObject({ retryable: false });
  });

  it('leaves a unique violation as the driver tells it', async () => {
    await insert('a');
    await expect(insert('a')).rejects.toBeInstanceOf(pg.DatabaseError);
    await expect(insert('a')).rejects.toMatchObject({ code: '23505', constraint: 'notes_pkey' });
  });
});
