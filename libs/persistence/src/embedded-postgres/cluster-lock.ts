import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { systemClock, type Clock } from '@rookery/core';
import { EmbeddedPostgresError } from '../persistence.errors.js';
import { staying } from '../staying.js';

/** No start or stop takes longer; an older lock was left behind. */
const STALE_MS = 60_000;
const WAIT_MS = 60_000;
const POLL_MS = 25;

/** Runs `fn` while no other process runs one with the same file. Survives a killed holder. */
export async function withLock<T>(
  file: string,
  fn: () => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  const mine = `${process.pid} ${crypto.randomUUID()}\n`;
  return staying(async () => {
    await acquire(file, mine, clock);
    try {
      return await fn();
    } finally {
      if ((await read(file)) === mine) await rm(file, { force: true });
    }
  });
}

async function acquire(file: string, mine: string, clock: Clock): Promise<void> {
  const begin = clock.monotonic();
  while (!(await take(file, mine))) {
    await breakStale(file, clock);
    if (clock.monotonic() - begin > WAIT_MS) {
      throw new EmbeddedPostgresError(
        `${file} is held by another process: wait for it, or remove the file if there is none`,
      );
    }
    await clock.sleep(POLL_MS);
  }
}

async function take(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false;
    throw error;
  }
}

async function breakStale(file: string, clock: Clock): Promise<void> {
  const content = await read(file);
  const age = await stat(file).then(
    ({ mtimeMs }) => clock.now() - mtimeMs,
    () => 0,
  );
  if (content === undefined) return;
  const pid = Number.parseInt(content, 10);
  const written = Number.isInteger(pid);
  if ((written ? isAlive(pid) : age < 1_000) && age < STALE_MS) return;
  // Renaming tells one breaker from the other: whoever moved a fresh lock puts it back.
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
    if ((await read(aside)) === content) await rm(aside, { force: true });
    else await rename(aside, file);
  } catch {
    // Another process was faster.
  }
}

async function read(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

/** Whether a process of that id exists, ours or another user's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM';
  }
}
