import { defineMigrations } from '@rookery/persistence';
import type { Kysely } from 'kysely';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import type {} from './postgres-global-setup.js';
import { useDatabase } from './use-database.js';

const migrations = [
  defineMigrations('notes', {
    '001-notes': {
      up: async (kysely: Kysely<unknown>) => {
        await kysely.schema.createTable('notes').addColumn('id', 'text').execute();
      },
    },
  }),
];

const databases = async (): Promise<string[]> => {
  const admin = new pg.Client({ connectionString: inject('rookery:postgres').adminUrl });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ datname: string }>('select datname from pg_database');
    return rows.map(({ datname }) => datname);
  } finally {
    await admin.end();
  }
};

describe('useDatabase', () => {
  const first = useDatabase({ migrations });
  const second = useDatabase({ migrations });

  it('gives migrated databases that do not see each other', async () => {
    await first.unitOfWork.query("insert into notes values ('a')");
    const { rows } = await second.unitOfWork.query('select id from notes');
    expect(rows).toEqual([]);
  });

  it('empties the tables but not what counts migrations', async () => {
    await first.clear();
    const count = async (table: string) =>
      (await first.unitOfWork.query<{ n: number }>(`select count(*) as n from ${table}`)).rows[0]
        ?.n;
    expect(await count('notes')).toBe(0);
    expect(await count('rookery_migrations_notes')).toBe(1);
  });
});

describe('after a describe with a database of its own', () => {
  let name = '';

  describe('inside', () => {
    const inner = useDatabase();
    it('has it', async () => {
      name = new URL(inner.url).pathname.slice(1);
      expect(await databases()).toContain(name);
    });
  });

  it('the database is gone', async () => {
    expect(await databases()).not.toContain(name);
  });
});
