import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '@rookery/core';
import pg from 'pg';
import { EmbeddedPostgresError } from '../persistence.errors.js';
import { clusterHome, existingHome, removeHome, type ClusterHome } from './cluster-home.js';
import { isAlive, withLock } from './cluster-lock.js';
import { ClusterSecret } from './cluster-secret.js';
import { installedPostgres, prepareBinaries } from './postgres-binaries.js';
import {
  clearStalePidFile,
  runningPostmaster,
  stopPostmaster,
  type Postmaster,
} from './postmaster.js';
import { initialise, startServer } from './server-process.js';

/** Options of {@link EmbeddedPostgres.start}. */
export interface EmbeddedPostgresOptions {
  /** Where data and passwords are kept between starts; created when absent. */
  dataDirectory: string;
  /** Port on 127.0.0.1; the next free one is taken instead, 0 for any. @default 5433 */
  port?: number;
  /** Whether a commit survives a crash of the machine. Off for tests. @default true */
  fsync?: boolean;
  /** Hears what is worth telling: an adopted server, another port. */
  log?: (message: string) => void;
  clock?: Clock;
}

const ADMIN = 'postgres';
const NAME = /^[a-z][a-z0-9_-]{0,61}[a-z0-9]$/;
const RESERVED = new Set([ADMIN, 'template0', 'template1', 'public', 'none']);

/**
 * A real PostgreSQL for development and tests, run from npm's platform packages: one cluster for
 * all services, with a database and a role for each. Listens on 127.0.0.1 only.
 *
 * A server that outlived its launcher is adopted; several processes may start the same cluster and
 * share the server. As root it runs as `nobody`.
 */
export class EmbeddedPostgres {
  private constructor(
    private readonly home: ClusterHome,
    private readonly secret: ClusterSecret,
    private readonly postmaster: Postmaster,
    /** Whether the server ran already when it was asked for. */
    readonly adopted: boolean,
    private readonly clock: Clock,
  ) {}

  /**
   * Starts the cluster's server, or adopts the running one.
   *
   * @throws EmbeddedPostgresError saying what is in the way and how to mend it
   */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const { clock = systemClock, log = () => undefined, fsync = true, port = 5433 } = options;
    const home = await clusterHome(options.dataDirectory);
    return withLock(join(home.directory, 'lock'), async () => {
      const running = await settled(home.data, clock);
      if (running !== undefined) {
        const secret = await ClusterSecret.read(home.directory);
        const cluster = new EmbeddedPostgres(home, secret, running, true, clock);
        await cluster.#withAdmin((admin) => admin.query('select 1'));
        log(`PostgreSQL was running already (pid ${running.pid}, port ${running.port})`);
        return cluster;
      }
      const installed = await installedPostgres();
      await clearStalePidFile(home.data);
      const bin = await prepareBinaries(home.directory, installed);
      await ensureData(home, bin, installed.version, fsync);
      const secret = await ClusterSecret.read(home.directory);
      const postmaster = await startServer({ bin, home, port, fsync, clock, log });
      return new EmbeddedPostgres(home, secret, postmaster, false, clock);
    });
  }

  /** Ends the server of that data directory, whoever started it. False when none ran. */
  static async stop(dataDirectory: string): Promise<boolean> {
    const postmaster = await runningPostmaster(join(await existingHome(dataDirectory), 'data'));
    if (postmaster !== undefined) await stopPostmaster(postmaster.pid);
    return postmaster !== undefined;
  }

  /** Ends the server of that data directory and removes all its data and passwords. */
  static async reset(dataDirectory: string): Promise<void> {
    await EmbeddedPostgres.stop(dataDirectory);
    await removeHome(dataDirectory);
  }

  /** The port it listens on, which may not be the one asked for. */
  get port(): number {
    return this.postmaster.port;
  }

  /** The server's process id. */
  get pid(): number {
    return this.postmaster.pid;
  }

  /** Whether the server's process is there. */
  get alive(): boolean {
    return isAlive(this.pid);
  }

  /** Connection as the superuser. A secret: never log it, never hand it to a service. */
  get adminUrl(): string {
    return this.#url(ADMIN, ADMIN);
  }

  /**
   * Makes a database and a role that owns it and may do nothing else, both called `name`; leaves
   * them as they are when they exist.
   *
   * @returns the URL for the service, with its password
   */
  async ensureDatabase(name: string): Promise<string> {
    if (!NAME.test(name) || RESERVED.has(name)) {
      throw new EmbeddedPostgresError(
        `'${name}' cannot be a database: expected 2 to 63 lower case letters, digits, - and _`,
      );
    }
    const id = pg.escapeIdentifier(name);
    await this.#withAdmin(async (admin) => {
      // Several launchers may ask for the same database at the same time.
      await admin.query(`select pg_advisory_lock(hashtext('rookery.ensureDatabase'))`);
      const role = await admin.query('select 1 from pg_roles where rolname = $1', [name]);
      if (role.rowCount === 0) {
        const verifier = pg.escapeLiteral(this.secret.verifier(name));
        await admin.query(
          `create role ${id} login nosuperuser nocreatedb nocreaterole noreplication ` +
            `password ${verifier}`,
        );
      }
      const database = await admin.query('select 1 from pg_database where datname = $1', [name]);
      if (database.rowCount === 0) await admin.query(`create database ${id} owner ${id}`);
      // By default every role may enter every database.
      for (const open of [id, ADMIN, 'template1']) {
        await admin.query(`revoke all on database ${open} from public`);
      }
    });
    return this.#url(name, name);
  }

  /** Ends the server: sessions are cut, data is flushed. Also an adopted one. */
  async stop(): Promise<void> {
    await withLock(join(this.home.directory, 'lock'), () =>
      stopPostmaster(this.pid, 10_000, this.clock),
    );
  }

  #url(role: string, database: string): string {
    return `postgres://${role}:${this.secret.password(role)}@127.0.0.1:${this.port}/${database}`;
  }

  async #withAdmin<T>(fn: (admin: pg.Client) => Promise<T>): Promise<T> {
    const admin = new pg.Client({
      connectionString: this.adminUrl,
      connectionTimeoutMillis: 5_000,
      application_name: 'rookery',
    });
    admin.on('error', () => undefined);
    try {
      await admin.connect();
      return await fn(admin);
    } catch (error) {
      throw new EmbeddedPostgresError(
        `the embedded PostgreSQL on port ${this.port} refused: ${(error as Error).message}`,
        { cause: error },
      );
    } finally {
      await admin.end().catch(() => undefined);
    }
  }
}

/** The running server once it is neither starting nor stopping; `undefined` when there is none. */
async function settled(data: string, clock: Clock): Promise<Postmaster | undefined> {
  const LIMIT_MS = 30_000;
  const begin = clock.monotonic();
  for (;;) {
    const running = await runningPostmaster(data);
    if (running === undefined || running.status === 'ready') return running;
    if (clock.monotonic() - begin > LIMIT_MS) {
      throw new EmbeddedPostgresError(
        `PostgreSQL (pid ${running.pid}) stays '${running.status}': stop it and try again`,
      );
    }
    await clock.sleep(25);
  }
}

/** Makes the data directory when there is none. */
async function ensureData(
  home: ClusterHome,
  bin: string,
  version: string,
  fsync: boolean,
): Promise<void> {
  const found = await readFile(join(home.data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const major = version.split('.')[0];
  if (found !== undefined && found.trim() !== major) {
    throw new EmbeddedPostgresError(
      `${home.data} was made by PostgreSQL ${found.trim()}, installed is ${major}: ` +
        'clear it with rookery reset',
    );
  }
  if (found !== undefined) return;
  if (
    await stat(home.data).then(
      () => true,
      () => false,
    )
  ) {
    throw new EmbeddedPostgresError(
      `${home.data} cannot be read, or is no PostgreSQL data: clear it with rookery reset`,
    );
  }
  const secret = await ClusterSecret.create(home.directory);
  const partial = `${home.data}.partial`;
  const passwordFile = join(home.directory, 'data.partial.password');
  await writeFile(passwordFile, `${secret.verifier(ADMIN)}\n`, { mode: 0o600 });
  try {
    if (home.runAs !== undefined) await chown(passwordFile, home.runAs.uid, home.runAs.gid);
    // initdb makes the directory itself, but as nobody it may not do so in ours.
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { mode: 0o700 });
    if (home.runAs !== undefined) await chown(partial, home.runAs.uid, home.runAs.gid);
    await initialise(bin, partial, passwordFile, fsync, home.runAs);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(partial, home.data);
}
