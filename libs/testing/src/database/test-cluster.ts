import { EmbeddedPostgres } from '@rookery/persistence/embedded-postgres';
import pg from 'pg';

/** What spec files are told of the cluster. */
export interface TestCluster {
  /** Connection as the superuser, to make and drop databases. */
  readonly adminUrl: string;
  /** Connection as the role that owns the specs' databases. */
  readonly specUrl: string;
  /** Tells the databases of this run from those of another that runs beside it. */
  readonly run: string;
}

/** A run's hold on the cluster. */
export interface TestRun {
  readonly cluster: TestCluster;
  /** Drops what the run made; ends the server unless another run uses it. */
  close(): Promise<void>;
}

const RUN = 'rookery-test-run';
const MINE = /^(spec|template)_[0-9a-z]+_/;

/**
 * Starts the cluster of specs, or joins the one that another run started. Nothing survives a crash
 * of the machine there, which makes it fast; its directory is kept, which makes the next start
 * take milliseconds.
 */
export async function joinTestCluster(dataDirectory: string): Promise<TestRun> {
  for (let attempt = 1; ; attempt++) {
    const postgres = await EmbeddedPostgres.start({ dataDirectory, port: 0, fsync: false });
    try {
      return await register(postgres);
    } catch (error) {
      // Another run was the last one, and ended the server between our two steps.
      if (attempt === 5) throw error;
    }
  }
}

async function register(postgres: EmbeddedPostgres): Promise<TestRun> {
  const session = new pg.Client({ connectionString: postgres.adminUrl, application_name: RUN });
  session.on('error', () => undefined);
  await session.connect();
  const specUrl = await postgres.ensureDatabase('spec');
  const run = Date.now().toString(36);
  if ((await otherRuns(session)) === 0) await drop(session, (name) => MINE.test(name));
  return {
    cluster: { adminUrl: postgres.adminUrl, specUrl, run },
    async close() {
      try {
        const own = new RegExp(`^(spec|template)_${run}_`);
        await drop(session, (name) => own.test(name));
        if ((await otherRuns(session)) === 0) await postgres.stop();
      } finally {
        await session.end().catch(() => undefined);
      }
    },
  };
}

async function otherRuns(session: pg.Client): Promise<number> {
  const { rows } = await session.query<{ count: string }>(
    `select count(*) from pg_stat_activity
      where application_name = $1 and pid <> pg_backend_pid()`,
    [RUN],
  );
  return Number(rows[0]?.count);
}

async function drop(session: pg.Client, which: (name: string) => boolean): Promise<void> {
  const { rows } = await session.query<{ datname: string }>('select datname from pg_database');
  for (const name of rows.map(({ datname }) => datname).filter(which)) {
    await session.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
  }
}
