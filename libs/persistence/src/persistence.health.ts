import type { HealthContributor } from '@rookery/core';
import type pg from 'pg';
import type { MigrationSet } from './migrations/migration-set.js';
import { pendingMigrations } from './migrations/migrator.js';

/** Down while the database does not answer, or while migrations are due that somebody else runs. */
export function databaseHealth(
  pool: pg.Pool,
  migrations: readonly MigrationSet[],
): HealthContributor {
  let migrated = false;
  return {
    name: 'database',
    groups: ['ready'],
    async check() {
      await pool.query('select 1');
      const due = migrated ? [] : await pendingMigrations(pool, migrations);
      migrated = due.length === 0;
      const details = { connections: pool.totalCount, waiting: pool.waitingCount };
      return migrated
        ? { status: 'up', details }
        : { status: 'down', details: { ...details, pending: due.map(nameOf) } };
    },
  };
}

const nameOf = ({ set, name }: { set: string; name: string }): string => `${set}/${name}`;
