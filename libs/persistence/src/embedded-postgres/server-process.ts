import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '@rookery/core';
import { EmbeddedPostgresError } from '../persistence.errors.js';
import type { Account, ClusterHome } from './cluster-home.js';
import { readPostmaster, stopPostmaster, type Postmaster } from './postmaster.js';

const HOST = '127.0.0.1';
const START_LIMIT_MS = 30_000;
const POLL_MS = 10;
const LOG_LIMIT_BYTES = 10_000_000;
const PORTS_TO_TRY = 50;

/** How a server is to run. */
export interface ServerSettings {
  readonly bin: string;
  readonly home: ClusterHome;
  /** The first port to try; 0 for any. */
  readonly port: number;
  /** Whether a commit survives a crash of the machine. */
  readonly fsync: boolean;
  readonly clock: Clock;
  readonly log: (message: string) => void;
}

/** Starts PostgreSQL on the first free port; resolves when it takes connections. */
export async function startServer(settings: ServerSettings): Promise<Postmaster> {
  let taken: number | undefined;
  for (let attempt = 0; attempt < PORTS_TO_TRY; attempt++) {
    const wanted = settings.port === 0 ? 0 : settings.port + attempt;
    if (wanted > 65_535) break;
    const port = await freePort(wanted);
    const postmaster = port === undefined ? undefined : await launch(settings, port);
    if (postmaster !== undefined) {
      if (taken !== undefined) settings.log(`port ${taken} is taken, PostgreSQL uses ${port}`);
      return postmaster;
    }
    taken ??= wanted;
  }
  throw new EmbeddedPostgresError(
    `no free port for PostgreSQL from ${settings.port} on: give another one`,
  );
}

/** That port, or any when it is 0; `undefined` when it is taken. */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: HOST, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

/** Runs a server on that port; `undefined` when another process took the port meanwhile. */
async function launch(settings: ServerSettings, port: number): Promise<Postmaster | undefined> {
  const { bin, home, clock } = settings;
  const logFile = join(home.directory, 'server.log');
  const size = await stat(logFile).then(
    (found) => found.size,
    () => 0,
  );
  const log = await open(logFile, size > LOG_LIMIT_BYTES ? 'w' : 'a', 0o600);
  const from = (await log.stat()).size;
  let ended: string | undefined;
  try {
    const args = ['-D', home.data, '-p', String(port), ...parameters(settings.fsync)];
    const child = runAs(home.runAs, join(bin, 'postgres'), args, log.fd);
    child.once('error', (error) => (ended = error.message));
    child.once('exit', (code, signal) => (ended = `exit ${code ?? signal}`));
    child.unref();
    const begin = clock.monotonic();
    for (;;) {
      const postmaster = await readPostmaster(home.data);
      if (postmaster?.pid === child.pid && postmaster?.status === 'ready') return postmaster;
      if (ended !== undefined) break;
      if (clock.monotonic() - begin > START_LIMIT_MS) {
        if (child.pid !== undefined) await stopPostmaster(child.pid);
        ended = `not ready after ${START_LIMIT_MS} ms`;
        break;
      }
      await clock.sleep(POLL_MS);
    }
  } finally {
    await log.close();
  }
  const said = (await readFile(logFile)).subarray(from).toString('utf8').trim();
  if (/could not bind .*Address already in use/s.test(said)) return undefined;
  throw failure('PostgreSQL did not start', ended, said);
}

function parameters(fsync: boolean): string[] {
  const settings = {
    listen_addresses: HOST,
    // No socket file: its path has a length limit, and one door is enough.
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    jit: 'off',
    // The worker processes of these serve large machines.
    io_method: 'sync',
    max_parallel_workers_per_gather: 0,
    max_logical_replication_workers: 0,
    temp_file_limit: '1GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(fsync
      ? {}
      : {
          fsync: 'off',
          synchronous_commit: 'off',
          full_page_writes: 'off',
          wal_level: 'minimal',
          max_wal_senders: 0,
          autovacuum_naptime: '5min',
        }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Makes a cluster in an empty directory. */
export async function initialise(
  bin: string,
  data: string,
  passwordFile: string,
  fsync: boolean,
  account: Account | undefined,
): Promise<void> {
  const locale = '--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --encoding=UTF8';
  const args = ['-D', data, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  args.push(...locale.split(' '), '--no-instructions');
  if (!fsync) args.push('--no-sync');
  const child = runAs(account, join(bin, 'initdb'), args, 'pipe');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  }
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `exit ${code ?? signal}`));
  });
  if (ended !== '') throw failure('PostgreSQL could not make its data directory', ended, said);
}

function runAs(
  account: Account | undefined,
  command: string,
  args: string[],
  output: number | 'pipe',
): ChildProcess {
  return spawn(command, args, {
    ...account,
    // A process group of its own: Ctrl-C must stop the apps first, and a killed launcher must not
    // take the database along.
    detached: true,
    cwd: process.platform === 'win32' ? undefined : '/',
    // Nothing of ours: PGDATA, PGPORT or a locale would change what runs.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', output, output],
    windowsHide: true,
  });
}

function failure(what: string, ended: string | undefined, said: string): EmbeddedPostgresError {
  const lines = said.split('\n').filter((line) => /FATAL|ERROR|error|could not/.test(line));
  const hint = /ENOENT/.test(ended ?? '')
    ? 'its binaries need glibc; on other systems set DATABASE_URL to a server of your own'
    : /user does not exist/.test(said)
      ? `${lines.at(-1)}; run as a user with an entry in /etc/passwd`
      : lines.slice(-2).join(' ');
  return new EmbeddedPostgresError(`${what} (${ended ?? 'unknown'}): ${hint || said.slice(-300)}`);
}
