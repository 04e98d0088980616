import { Kysely, sql } from 'kysely';
import { Migrator, type Migration, type MigrationProvider } from 'kysely/migration';
import type pg from 'pg';
import { poolDialect } from '../database/kysely-dialect.js';
import { MigrationError } from '../persistence.errors.js';
import type { MigrationSet } from './migration-set.js';

/** One migration that is due. */
export interface PendingMigration {
  readonly set: string;
  readonly name: string;
}

/**
 * Runs what is due of each set, in the order given. Instances that start at the same time wait for
 * each other on Kysely's advisory lock; each set is one transaction.
 *
 * @returns what was run
 * @throws MigrationError naming the migration that failed
 */
export async function migrate(
  pool: pg.Pool,
  sets: readonly MigrationSet[],
): Promise<PendingMigration[]> {
  const done: PendingMigration[] = [];
  for (const set of sets) {
    const { error, results = [] } = await migratorOf(pool, set).migrateToLatest();
    const failed = results.find(({ status }) => status === 'Error');
    if (error !== undefined) {
      const what = failed === undefined ? set.set : `${set.set}/${failed.migrationName}`;
      throw new MigrationError(`migration ${what} failed: ${(error as Error).message}`, {
        cause: error,
      });
    }
    done.push(...results.map(({ migrationName: name }) => ({ set: set.set, name })));
  }
  return done;
}

/** What `migrate` would run. */
export async function pendingMigrations(
  pool: pg.Pool,
  sets: readonly MigrationSet[],
): Promise<PendingMigration[]> {
  const pending = await Promise.all(
    sets.map(async (set) =>
      (await migratorOf(pool, set).getMigrations())
        .filter(({ executedAt }) => executedAt === undefined)
        .map(({ name }) => ({ set: set.set, name })),
    ),
  );
  return pending.flat();
}

function migratorOf(pool: pg.Pool, set: MigrationSet): Migrator {
  const db = new Kysely<unknown>({ dialect: poolDialect(pool) });
  const table = `rookery_migrations_${set.set}`;
  return new Migrator({
    db,
    provider: new RollbackTolerantProvider(db, set, table),
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
  });
}

/**
 * An older release that starts again after a newer one migrated would find migrations that it does
 * not have, and Kysely refuses to go on. Those later than all of ours are taken as done.
 */
class RollbackTolerantProvider implements MigrationProvider {
  constructor(
    private readonly db: Kysely<unknown>,
    private readonly set: MigrationSet,
    private readonly table: string,
  ) {}

  async getMigrations(): Promise<Record<string, Migration>> {
    const newest = Object.keys(this.set.migrations).sort().at(-1) ?? '';
    const known: Record<string, Migration> = { ...this.set.migrations };
    for (const name of await this.#executed()) {
      if (!(name in known) && name > newest) known[name] = { up: async () => undefined };
    }
    return known;
  }

  async #executed(): Promise<string[]> {
    const { rows: tables } = await sql<{ found: boolean }>`
      select to_regclass(${this.table}) is not null as found`.execute(this.db);
    if (tables[0]?.found !== true) return [];
    const { rows } = await sql<{ name: string }>`
      select name from ${sql.table(this.table)}`.execute(this.db);
    return rows.map(({ name }) => name);
  }
}
