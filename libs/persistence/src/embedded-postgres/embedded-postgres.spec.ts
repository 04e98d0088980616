import { spawn, type ChildProcess } from 'node:child_process';
import {
  access,
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgresError } from '../persistence.errors.js';
import { EmbeddedPostgres } from './embedded-postgres.js';

const workspace = fileURLToPath(new URL('../../../..', import.meta.url));
const isRoot = process.getuid?.() === 0;
/** Whether another user can run this workspace's Node at all. */
const reachable = await everybodyMayEnter(workspace);
const directories: string[] = [];
const clusters: string[] = [];

async function everybodyMayEnter(directory: string): Promise<boolean> {
  const above = dirname(directory);
  const enterable = ((await stat(directory)).mode & 0o001) !== 0;
  return enterable && (above === directory || everybodyMayEnter(above));
}

async function temporary(parent = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(parent, 'rookery-spec-'));
  directories.push(directory);
  await chmod(directory, 0o755);
  return directory;
}

/** A data directory whose cluster is cleared after the test. */
async function dataDirectory(parent?: string): Promise<string> {
  const directory = join(await temporary(parent), 'pg');
  clusters.push(directory);
  return directory;
}

const start = (directory: string, port = 0): Promise<EmbeddedPostgres> =>
  EmbeddedPostgres.start({ dataDirectory: directory, port, fsync: false });

afterEach(async () => {
  for (const directory of clusters.splice(0)) await EmbeddedPostgres.reset(directory);
});

afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

async function ask<R extends object>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

function occupy(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({ server, port: (server.address() as AddressInfo).port }),
    ),
  );
}

describe('EmbeddedPostgres', () => {
  it('runs a real server, keeps data between starts and clears it on reset', async () => {
    const directory = await dataDirectory();
    const first = await start(directory);
    expect(first.adopted).toBe(false);
    const [version] = await ask<{ version: string }>(first.adminUrl, 'select version()');
    expect(version?.version).toMatch(/^PostgreSQL 18\./);
    const url = await first.ensureDatabase('orders');
    await ask(url, 'create table kept (id int); insert into kept values (1)');
    await first.stop();
    expect(first.alive).toBe(false);

    const second = await start(directory);
    const again = await second.ensureDatabase('orders');
    expect(await ask(again, 'select id from kept')).toEqual([{ id: 1 }]);
    expect(new URL(again).password).toBe(new URL(url).password);

    await EmbeddedPostgres.reset(directory);
    expect(second.alive).toBe(false);
    await expect(access(directory)).rejects.toThrow('ENOENT');
    const third = await start(directory);
    expect(await ask(third.adminUrl, "select 1 from pg_database where datname = 'orders'")).toEqual(
      [],
    );
  });

  it('is adopted by others who start the same cluster at the same time', async () => {
    const directory = await dataDirectory();
    const all = await Promise.all([start(directory), start(directory), start(directory)]);
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(all.filter(({ adopted }) => !adopted)).toHaveLength(1);
    const urls = await Promise.all(all.map((cluster) => cluster.ensureDatabase('orders')));
    expect(new Set(urls).size).toBe(1);
  });

  it('takes the next port when one is taken, and says so', async () => {
    const directory = await dataDirectory();
    const { server, port } = await occupy();
    const said: string[] = [];
    try {
      const cluster = await EmbeddedPostgres.start({
        dataDirectory: directory,
        port,
        fsync: false,
        log: (message) => said.push(message),
      });
      expect(cluster.port).toBeGreaterThan(port);
      expect(said).toEqual([`port ${port} is taken, PostgreSQL uses ${cluster.port}`]);
    } finally {
      server.close();
    }
  });

  it('lets a service into its own database and nowhere else', async () => {
    const cluster = await start(await dataDirectory());
    const orders = await cluster.ensureDatabase('orders');
    const inventory = await cluster.ensureDatabase('inventory');
    const into = (url: string, database: string): string => {
      const other = new URL(url);
      other.pathname = `/${database}`;
      return other.href;
    };
    await ask(orders, 'create table mine (id int)');
    for (const database of ['inventory', 'postgres', 'template1']) {
      await expect(ask(into(orders, database), 'select 1')).rejects.toThrow(/permission denied/);
    }
    const stranger = new URL(inventory);
    stranger.password = new URL(orders).password;
    await expect(ask(stranger.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    for (const forbidden of [
      'create role other',
      'create database other',
      "select pg_read_file('PG_VERSION')",
      "copy (select 1) to program 'id'",
      'set role postgres',
    ]) {
      await expect(ask(orders, forbidden)).rejects.toThrow(/permission denied/);
    }
  });

  it('listens on the loopback interface alone and keeps its secrets to its owner', async () => {
    const directory = await dataDirectory();
    const cluster = await start(directory);
    const url = await cluster.ensureDatabase('orders');
    expect(
      await ask(
        cluster.adminUrl,
        `select name, setting from pg_settings
          where name in ('listen_addresses', 'unix_socket_directories', 'password_encryption')
          order by 1`,
      ),
    ).toEqual([
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'password_encryption', setting: 'scram-sha-256' },
      { name: 'unix_socket_directories', setting: '' },
    ]);
    const mode = async (name: string) => (await stat(join(directory, name))).mode & 0o777;
    expect(await mode('secret')).toBe(0o600);
    expect(await mode('server.log')).toBe(0o600);
    expect(await mode('data')).toBe(0o700);
    const log = await readFile(join(directory, 'server.log'), 'utf8');
    for (const secret of [url, cluster.adminUrl].map((text) => new URL(text).password)) {
      expect(log).not.toContain(secret);
    }
    expect((await readdir(directory)).filter((name) => /password|partial|lock/.test(name))).toEqual(
      [],
    );
  });

  it('survives a killed server: what was committed is there after the next start', async () => {
    const directory = await dataDirectory();
    const first = await EmbeddedPostgres.start({ dataDirectory: directory, port: 0 });
    const url = await first.ensureDatabase('orders');
    await ask(url, 'create table kept (id int); insert into kept values (1)');
    process.kill(first.pid, 'SIGKILL');
    await expect.poll(() => first.alive).toBe(false);
    const second = await EmbeddedPostgres.start({ dataDirectory: directory, port: 0 });
    expect(second.adopted).toBe(false);
    expect(await ask(await second.ensureDatabase('orders'), 'select id from kept')).toHaveLength(1);
  });

  it('says what is in the way in one line', async () => {
    const cluster = await start(await dataDirectory());
    for (const name of ['postgres', 'Orders', 'a', "x'; drop", '']) {
      await expect(cluster.ensureDatabase(name)).rejects.toThrow(EmbeddedPostgresError);
    }
    const other = await dataDirectory();
    const older = await start(other);
    await older.stop();
    await writeFile(join(other, 'data', 'PG_VERSION'), '15\n');
    await expect(start(other)).rejects.toThrow(/was made by PostgreSQL 15, installed is 18/);
    await writeFile(join(other, 'data', 'PG_VERSION'), '18\n');
    await rm(join(other, 'secret'));
    await expect(start(other)).rejects.toThrow(/passwords .* cannot be read/);
  });

  it('removes nothing but its own files on reset', async () => {
    const directory = await dataDirectory();
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'precious.txt'), 'mine');
    await start(directory);
    await EmbeddedPostgres.reset(directory);
    expect(await readdir(directory)).toEqual(['precious.txt']);
    await writeFile(join(directory, 'location'), '/etc\n');
    await expect(EmbeddedPostgres.reset(directory)).rejects.toThrow(/not name a place of ours/);
    await rm(join(directory, 'location'));
  });
});

/** Another process that starts the cluster: bundled, so that any user can read and run it. */
async function launcher(directory: string): Promise<string> {
  const { build } = await import('vite');
  const outDir = join(directory, 'launcher');
  const entry = fileURLToPath(new URL('./testing/launcher.ts', import.meta.url));
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true, resolve: { conditions: ['rookery:source', 'node'] } },
    build: { ssr: entry, outDir, rolldownOptions: { output: { entryFileNames: 'launcher.mjs' } } },
  });
  return join(outDir, 'launcher.mjs');
}

interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly adopted: boolean;
}

function launch(script: string, directory: string, uid?: number): Promise<Launched> {
  const child = spawn(process.execPath, [script, directory], {
    ...(uid === undefined ? {} : { uid, gid: uid }),
    // The binaries are found from the working directory when the code is bundled.
    cwd: workspace,
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('exit', () => reject(new Error(said)));
    child.stdout.once('data', (line: Buffer) =>
      resolve({ child, ...(JSON.parse(line.toString()) as { pid: number; adopted: boolean }) }),
    );
  });
}

const exited = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => child.once('exit', resolve));

describe('a launcher that is killed', () => {
  it('leaves a server that the next one adopts and can stop', async () => {
    const directory = await dataDirectory();
    const script = await launcher(await temporary());
    const first = await launch(script, directory);
    const gone = exited(first.child);
    first.child.kill('SIGKILL');
    await gone;
    const second = await start(directory);
    expect(second.adopted).toBe(true);
    expect(second.pid).toBe(first.pid);
    expect(await ask(second.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.stop();
    expect(second.alive).toBe(false);
  });
});

describe.runIf(isRoot)('as root', () => {
  it('runs the server as nobody', async () => {
    const cluster = await start(await dataDirectory());
    const status = await readFile(`/proc/${cluster.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t65534\t65534\t65534/m);
    expect(status).toMatch(/^Groups:\t *$/m);
  });

  it('moves out of a directory that only root can enter, and finds its way back', async () => {
    const hidden = await temporary();
    await chmod(hidden, 0o700);
    const directory = join(hidden, 'pg');
    clusters.push(directory);
    const first = await start(directory);
    const location = (await readFile(join(directory, 'location'), 'utf8')).trim();
    expect(location).toMatch(/^\/var\/lib\/rookery\/[0-9a-f]{16}$/);
    const second = await start(directory);
    expect(second.adopted).toBe(true);
    await EmbeddedPostgres.reset(directory);
    expect(first.alive).toBe(false);
    await expect(access(location)).rejects.toThrow('ENOENT');
    await expect(access(directory)).rejects.toThrow('ENOENT');
  });

  it.runIf(reachable)('leaves room for an ordinary user, who is told what root owns', async () => {
    const ORDINARY = 1; // daemon: initdb wants a user that has a name
    const parent = await temporary();
    const script = await launcher(parent);
    const directory = join(parent, 'pg');
    await mkdir(directory);
    await chown(directory, ORDINARY, ORDINARY);
    const mine = await launch(script, directory, ORDINARY);
    expect(mine.adopted).toBe(false);
    const status = await readFile(`/proc/${mine.pid}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:\t${ORDINARY}\t`, 'm'));
    // Root joins the user's cluster as that user.
    const joined = await start(directory);
    expect(joined.pid).toBe(mine.pid);
    await joined.stop();
    const again = await start(directory);
    expect(await readFile(`/proc/${again.pid}/status`, 'utf8')).toMatch(
      new RegExp(`^Uid:\t${ORDINARY}\t`, 'm'),
    );
    clusters.push(directory);
    const gone = exited(mine.child);
    mine.child.stdin?.end();
    await gone;

    const roots = await dataDirectory();
    await start(roots);
    await expect(launch(script, roots, ORDINARY)).rejects.toThrow(
      /belongs to user \d+, who started the database before: run as that user/,
    );
  });

  it('works from a home directory of root', async () => {
    if ((await stat(homedir())).mode & 0o001) return;
    const cluster = await start(await dataDirectory(homedir()));
    expect(await ask(cluster.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});
