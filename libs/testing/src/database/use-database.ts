import { createHash, randomBytes } from 'node:crypto';
import { createPool, Database, migrate, UnitOfWork, type MigrationSet } from '@rookery/persistence';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import type { TestCluster } from './test-cluster.js';
import type {} from './postgres-global-setup.js';

/** Options of {@link useDatabase}. */
export interface UseDatabaseOptions {
  /** Run once per set of migrations and test run; each spec file gets a copy. @default [] */
  migrations?: readonly MigrationSet[];
  /** Connections of the pool. @default 10 */
  poolSize?: number;
}

/** A database of the spec file's own. Its members may be read once the file's hooks have run. */
export interface SpecDatabase {
  /** For code that connects itself, such as a whole app. */
  readonly url: string;
  readonly database: Database;
  readonly unitOfWork: UnitOfWork;
  /** Empties all tables except those that count migrations. */
  clear(): Promise<void>;
}

/**
 * Gives the spec file that calls it, at its top level or in a `describe`, a PostgreSQL database,
 * and drops it afterwards.
 */
export function useDatabase(options: UseDatabaseOptions = {}): SpecDatabase {
  const { migrations = [], poolSize = 10 } = options;
  let opened: { url: string; database: Database; unitOfWork: UnitOfWork } | undefined;
  let cluster: TestCluster;
  const name = () => new URL(current().url).pathname.slice(1);
  const current = () => {
    if (opened === undefined) throw new Error('useDatabase: read it in hooks and tests only');
    return opened;
  };

  beforeAll(async () => {
    cluster = clusterOfRun();
    const url = await createDatabase(cluster, migrations);
    const database = new Database(openPool(url, poolSize));
    opened = { url, database, unitOfWork: new UnitOfWork(database) };
  });

  afterAll(async () => {
    if (opened === undefined) return;
    await opened.database.pool.end();
    await asAdmin(cluster, (admin) =>
      admin.query(`drop database ${pg.escapeIdentifier(name())} with (force)`),
    );
  });

  return {
    get url() {
      return current().url;
    },
    get database() {
      return current().database;
    },
    get unitOfWork() {
      return current().unitOfWork;
    },
    async clear() {
      const { pool } = current().database;
      const { rows } = await pool.query<{ tablename: string }>(
        `select tablename from pg_tables
          where schemaname = 'public' and tablename not like 'rookery\\_migrations\\_%'`,
      );
      const tables = rows.map(({ tablename }) => pg.escapeIdentifier(tablename));
      if (tables.length > 0) {
        await pool.query(`truncate ${tables.join(', ')} restart identity cascade`);
      }
    },
  };
}

function clusterOfRun(): TestCluster {
  // Typed as always there; absent when the set-up is not configured.
  const cluster = inject('rookery:postgres') as TestCluster | undefined;
  if (cluster === undefined) {
    throw new Error(
      "useDatabase: no PostgreSQL; add '@rookery/testing/postgres-global-setup' to globalSetup " +
        'in vitest.config.ts',
    );
  }
  return cluster;
}

async function createDatabase(
  cluster: TestCluster,
  migrations: readonly MigrationSet[],
): Promise<string> {
  const name = `spec_${cluster.run}_${randomBytes(6).toString('hex')}`;
  await asAdmin(cluster, async (admin) => {
    const template =
      migrations.length === 0 ? 'template1' : await ensureTemplate(admin, cluster, migrations);
    await admin.query(`create database ${name} template ${template} owner spec strategy file_copy`);
  });
  return specUrl(cluster, name);
}

/** Makes the migrated database that others are copied from, unless another spec file did. */
async function ensureTemplate(
  admin: pg.Client,
  cluster: TestCluster,
  migrations: readonly MigrationSet[],
): Promise<string> {
  const name = `template_${cluster.run}_${fingerprint(migrations)}`;
  await admin.query('select pg_advisory_lock(hashtext($1))', [name]);
  try {
    const found = await admin.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 1) return name;
    const raw = `${name}_raw`;
    await admin.query(`drop database if exists ${raw} with (force)`);
    await admin.query(`create database ${raw} owner spec`);
    const pool = openPool(specUrl(cluster, raw), 4);
    try {
      await migrate(pool, migrations);
    } finally {
      await pool.end();
    }
    // Only a complete one gets the name.
    await admin.query(`alter database ${raw} rename to ${name}`);
    return name;
  } finally {
    await admin.query('select pg_advisory_unlock(hashtext($1))', [name]);
  }
}

function fingerprint(migrations: readonly MigrationSet[]): string {
  const text = migrations.map(({ set, migrations: all }) => [
    set,
    Object.entries(all).map(([name, { up }]) => [name, String(up)]),
  ]);
  return createHash('sha256').update(JSON.stringify(text)).digest('hex').slice(0, 12);
}

function openPool(url: string, poolSize: number): pg.Pool {
  return createPool({
    url,
    poolSize,
    acquireTimeoutMs: 5_000,
    statementTimeoutMs: 20_000,
    lockTimeoutMs: 10_000,
    idleInTransactionTimeoutMs: 20_000,
    idleTimeoutMs: 10_000,
    applicationName: 'rookery-spec',
    onError: () => undefined,
  });
}

function specUrl(cluster: TestCluster, name: string): string {
  const url = new URL(cluster.specUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function asAdmin<T>(cluster: TestCluster, fn: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: cluster.adminUrl });
  admin.on('error', () => undefined);
  await admin.connect();
  try {
    return await fn(admin);
  } finally {
    await admin.end();
  }
}
