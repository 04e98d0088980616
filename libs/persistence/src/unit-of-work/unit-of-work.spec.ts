import { useDatabase } from '@rookery/testing/database';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../database/database.js';
import {
  RollbackOnlyError,
  TransactionEndedError,
  TransactionUsageError,
} from '../persistence.errors.js';
import { notesMigrations, type NotesSchema } from '../testing/notes.js';
import { TypeOrmTransactions } from '../typeorm/typeorm-transactions.js';
import { UnitOfWork } from './unit-of-work.js';

const NoteEntity = new EntitySchema<{ id: string; version: number }>({
  name: 'notes',
  columns: { id: { type: 'text', primary: true }, version: { type: 'integer' } },
});

const db = useDatabase({ migrations: [notesMigrations] });
let dataSource: DataSource;
let hookFailures: unknown[] = [];

/** Something that writes in the current transaction, and may be kept longer than that. */
type Insert = (id: string) => Promise<unknown>;

/** The same transactions, over each library that they may be had from. */
const LIBRARIES: Record<string, () => { unitOfWork: UnitOfWork; current: () => Insert }> = {
  Kysely: () => ({
    unitOfWork: new UnitOfWork(db.database, (error) => hookFailures.push(error)),
    current: () => {
      const notes = (db.database as Database<NotesSchema>).current;
      return (id) => notes.insertInto('notes').values({ id, version: 0 }).execute();
    },
  }),
  TypeORM: () => {
    const transactions = new TypeOrmTransactions(dataSource);
    return {
      unitOfWork: new UnitOfWork(transactions, (error) => hookFailures.push(error)),
      current: () => {
        const notes = transactions.repository(NoteEntity);
        return (id) => notes.insert({ id, version: 0 });
      },
    };
  },
};

beforeAll(async () => {
  dataSource = new DataSource({ type: 'postgres', url: db.url, entities: [NoteEntity] });
  await dataSource.initialize();
});
afterAll(() => dataSource.destroy());

beforeEach(async () => {
  hookFailures = [];
  await db.clear();
});

const stored = async (): Promise<string[]> => {
  const { rows } = await db.database.pool.query<{ id: string }>('select id from notes order by id');
  return rows.map(({ id }) => id);
};

const fail = (message = 'on purpose'): never => {
  throw new Error(message);
};

describe.each(Object.keys(LIBRARIES))('over %s', (library) => {
  let unitOfWork: UnitOfWork;
  let current: () => Insert;
  const insert = async (id: string): Promise<void> => void (await current()(id));

  beforeAll(() => {
    ({ unitOfWork, current } = LIBRARIES[library]!());
  });

  describe('a required transaction', () => {
    it('commits what Kysely and plain SQL wrote when the work resolves', async () => {
      const result = await unitOfWork.run(async () => {
        expect(unitOfWork.active).toBe(true);
        await insert('kysely');
        await unitOfWork.query('insert into notes (id) values ($1)', ['sql']);
        expect(await stored()).toEqual([]);
        return 7;
      });
      expect(result).toBe(7);
      expect(unitOfWork.active).toBe(false);
      expect(await stored()).toEqual(['kysely', 'sql']);
    });

    it('rolls back when the work rejects, and hands on the very error', async () => {
      const error = new Error('on purpose');
      const work = unitOfWork.run(async () => {
        await insert('a');
        throw error;
      });
      await expect(work).rejects.toBe(error);
      expect(await stored()).toEqual([]);
    });

    it('joins the transaction it is called in', async () => {
      const work = unitOfWork.run(async () => {
        await unitOfWork.run(() => insert('inner'));
        fail();
      });
      await expect(work).rejects.toThrow('on purpose');
      expect(await stored()).toEqual([]);
    });

    it('refuses to commit after a joined part failed, though the failure was caught', async () => {
      const work = unitOfWork.run(async () => {
        await insert('outer');
        await unitOfWork.run(async () => fail('inner')).catch(() => undefined);
      });
      await expect(work).rejects.toThrow(RollbackOnlyError);
      await expect(work).rejects.toMatchObject({ cause: { message: 'inner' } });
      expect(await stored()).toEqual([]);
    });

    it('refuses to report success after a statement failed, though the failure was caught', async () => {
      const work = unitOfWork.run(async () => {
        await insert('a');
        await insert('a').catch(() => undefined);
      });
      await expect(work).rejects.toThrow(RollbackOnlyError);
      expect(await stored()).toEqual([]);
    });

    it('lets statements of one transaction be asked for side by side', async () => {
      await unitOfWork.run(() => Promise.all(['a', 'b', 'c'].map(insert)).then(() => undefined));
      expect(await stored()).toEqual(['a', 'b', 'c']);
    });

    it('keeps concurrent transactions apart', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          unitOfWork.run(async () => {
            await insert(`n${index}`);
            if (index % 2 === 0) fail();
          }),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      expect(await stored()).toHaveLength(10);
    });
  });

  describe('a nested transaction', () => {
    it('fails alone', async () => {
      await unitOfWork.run(async () => {
        await insert('before');
        await unitOfWork
          .run(async () => (await insert('inner'), fail()), { propagation: 'nested' })
          .catch(() => undefined);
        await insert('after');
      });
      expect(await stored()).toEqual(['after', 'before']);
    });

    it('survives a failed statement in it', async () => {
      await unitOfWork.run(async () => {
        await insert('a');
        const work = unitOfWork.run(() => insert('a'), { propagation: 'nested' });
        await expect(work).rejects.toMatchObject({ code: '23505' });
        await insert('b');
      });
      expect(await stored()).toEqual(['a', 'b']);
    });

    it('does not pretend to have succeeded when a failed statement in it was caught', async () => {
      await unitOfWork.run(async () => {
        const work = unitOfWork.run(
          async () => {
            await insert('lost');
            await insert('lost').catch(() => undefined);
          },
          { propagation: 'nested' },
        );
        await expect(work).rejects.toThrow(RollbackOnlyError);
        await insert('kept');
      });
      expect(await stored()).toEqual(['kept']);
    });

    it('takes turns with others of the same transaction, to any depth', async () => {
      const nested = (id: string, fails: boolean): Promise<void> =>
        unitOfWork.run(
          async () => {
            await insert(id);
            await unitOfWork.run(() => insert(`${id}-deep`), { propagation: 'nested' });
            if (fails) fail();
          },
          { propagation: 'nested' },
        );
      await unitOfWork.run(async () => {
        await Promise.allSettled([nested('a', false), nested('b', true), nested('c', false)]);
      });
      expect(await stored()).toEqual(['a', 'a-deep', 'c', 'c-deep']);
    });

    it('begins a transaction when there is none', async () => {
      const work = unitOfWork.run(async () => (await insert('a'), fail()), {
        propagation: 'nested',
      });
      await expect(work).rejects.toThrow('on purpose');
      expect(await stored()).toEqual([]);
    });
  });

  describe('a transaction of its own', () => {
    it('commits though the one around it rolls back', async () => {
      const work = unitOfWork.run(async () => {
        await insert('outer');
        await unitOfWork.run(() => insert('audit'), { propagation: 'requires-new' });
        fail();
      });
      await expect(work).rejects.toThrow('on purpose');
      expect(await stored()).toEqual(['audit']);
    });
  });

  describe('after the commit', () => {
    it('calls the hooks in order once the data is there, outside of the transaction', async () => {
      const seen: unknown[] = [];
      await unitOfWork.run(async () => {
        await insert('a');
        unitOfWork.afterCommit(async () => void seen.push(1, await stored(), unitOfWork.active));
        await unitOfWork.run(async () => unitOfWork.afterCommit(() => void seen.push(2)));
        expect(seen).toEqual([]);
      });
      expect(seen).toEqual([1, ['a'], false, 2]);
    });

    it('calls none when it was rolled back, nor those of a savepoint that was', async () => {
      const seen: string[] = [];
      await unitOfWork
        .run(async () => (unitOfWork.afterCommit(() => void seen.push('lost')), fail()))
        .catch(() => undefined);
      await unitOfWork.run(async () => {
        const part = async (name: string, fails: boolean): Promise<void> => {
          unitOfWork.afterCommit(() => void seen.push(name));
          if (fails) fail();
        };
        await unitOfWork.run(() => part('kept', false), { propagation: 'nested' });
        await unitOfWork.run(() => part('undone', true), { propagation: 'nested' }).catch(() => 0);
      });
      expect(seen).toEqual(['kept']);
    });

    it('reports a hook that fails and goes on: the caller has its commit', async () => {
      const seen: string[] = [];
      await unitOfWork.run(async () => {
        unitOfWork.afterCommit(async () => fail('hook'));
        unitOfWork.afterCommit(() => void seen.push('next'));
      });
      expect(hookFailures).toMatchObject([{ message: 'hook' }]);
      expect(seen).toEqual(['next']);
    });

    it('calls a hook at once when there is no transaction', () => {
      const seen: string[] = [];
      unitOfWork.afterCommit(() => void seen.push('now'));
      expect(seen).toEqual(['now']);
    });
  });

  describe('work that outlives its transaction', () => {
    it('is refused, by context and by a handle it kept', async () => {
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      let late: Promise<unknown> | undefined;
      let lateSql: Promise<unknown> | undefined;
      const kept = await unitOfWork.run(async () => {
        late = gate.then(() => insert('late'));
        lateSql = gate.then(() => unitOfWork.query('select 1'));
        late.catch(() => undefined);
        lateSql.catch(() => undefined);
        return current();
      });
      release();
      await expect(late).rejects.toThrow(TransactionEndedError);
      await expect(lateSql).rejects.toThrow(TransactionEndedError);
      await expect(kept('kept')).rejects.toThrow(/ended|released/);
      expect(await stored()).toEqual([]);
    });

    it('may begin a transaction of its own', async () => {
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      let late: Promise<void> | undefined;
      await unitOfWork.run(async () => {
        late = gate.then(() => unitOfWork.run(() => insert('late')));
      });
      release();
      await late;
      expect(await stored()).toEqual(['late']);
    });
  });

  describe('wrong use', () => {
    it('refuses to join with another isolation', async () => {
      const work = unitOfWork.run(() =>
        unitOfWork.run(async () => undefined, { isolation: 'serializable' }),
      );
      await expect(work).rejects.toThrow(TransactionUsageError);
    });
  });
});
