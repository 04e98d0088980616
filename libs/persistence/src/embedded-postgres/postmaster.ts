import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock, type Clock } from '@rookery/core';
import { EmbeddedPostgresError } from '../persistence.errors.js';
import { staying } from '../staying.js';
import { isAlive } from './cluster-lock.js';

/** What a server says of itself in `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping`, `standby`; empty until it wrote one. */
  readonly status: string;
}

/** The server that runs on a data directory, if one does. */
export async function runningPostmaster(data: string): Promise<Postmaster | undefined> {
  const postmaster = await readPostmaster(data);
  if (postmaster === undefined || !isAlive(postmaster.pid)) return undefined;
  // After a reboot the id may be somebody else's.
  return (await commandOf(postmaster.pid)).includes(data) ? postmaster : undefined;
}

/** The content of `postmaster.pid`; its lines are fixed by PostgreSQL's `utils/pidfile.h`. */
export async function readPostmaster(data: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const lines = text?.split('\n') ?? [];
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port, status: (lines[7] ?? '').trim() };
}

/**
 * Removes a `postmaster.pid` that names a living process which is no PostgreSQL: PostgreSQL would
 * take it for one after a crash of the machine, and refuse to start.
 */
export async function clearStalePidFile(data: string): Promise<void> {
  const postmaster = await readPostmaster(data);
  if (postmaster === undefined || !isAlive(postmaster.pid)) return;
  const command = await commandOf(postmaster.pid);
  if (command !== '' && !command.includes('postgres')) {
    await rm(join(data, 'postmaster.pid'), { force: true });
  }
}

async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return command.replaceAll('\0', ' ');
  }
  const run = promisify(execFile);
  return run('ps', ['-o', 'command=', '-p', String(pid)], { timeout: 5_000 }).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

const POLL_MS = 10;

/** Waits until no process of that id is left. */
async function waitForEnd(pid: number, limitMs: number, clock: Clock): Promise<boolean> {
  const begin = clock.monotonic();
  while (isAlive(pid)) {
    if (clock.monotonic() - begin > limitMs) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/**
 * Ends a server: sessions are cut and data is flushed (SIGINT); after `limitMs` it ends without
 * flushing (SIGQUIT), and the next start recovers from its log.
 */
export async function stopPostmaster(
  pid: number,
  limitMs = 10_000,
  clock: Clock = systemClock,
): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ESRCH') return;
      throw new EmbeddedPostgresError(
        `PostgreSQL (pid ${pid}) belongs to another user: stop it as that user`,
        { cause: error },
      );
    }
    if (await staying(() => waitForEnd(pid, limitMs, clock))) return;
  }
  throw new EmbeddedPostgresError(`PostgreSQL (pid ${pid}) does not end: kill it`);
}
