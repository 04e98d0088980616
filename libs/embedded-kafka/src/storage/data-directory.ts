import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DataDirectoryError } from '../embedded-kafka.errors.js';

/** Directories that a broker of this process has open; a pid cannot tell two of them apart. */
const openHere = new Set<string>();

/**
 * Claims a data directory for one broker, so that two never write the same files. The claim is a
 * file with the process's id and start time: one left by a dead process is taken over, also when
 * its id was given to another since (where the system tells start times).
 *
 * @returns a function that gives the directory back
 * @throws DataDirectoryError when it is in use or cannot be written
 */
export function claimDirectory(directory: string): () => void {
  let path: string;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    path = realpathSync(directory);
  } catch (error) {
    throw new DataDirectoryError(directory, `cannot be used: ${(error as Error).message}`, error);
  }
  const lock = join(path, 'broker.lock');
  const holder = openHere.has(path) ? process.pid : holderOf(lock);
  if (holder !== undefined) {
    throw new DataDirectoryError(
      directory,
      `is in use by process ${holder}; stop that broker first`,
    );
  }
  try {
    rmSync(lock, { force: true });
    const descriptor = openSync(lock, 'wx', 0o600);
    writeSync(descriptor, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
    closeSync(descriptor);
  } catch (error) {
    throw new DataDirectoryError(directory, `cannot be used: ${(error as Error).message}`, error);
  }
  openHere.add(path);
  return () => {
    rmSync(lock, { force: true });
    openHere.delete(path);
  };
}

/** The live process that holds the lock file, if any. */
function holderOf(lock: string): number | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(lock, 'utf8')) as {
      pid: number;
      started?: string;
    };
    process.kill(pid, 0);
    return startOf(pid) === started && pid !== process.pid ? pid : undefined;
  } catch (error) {
    // Another user's process cannot be signalled, but it lives.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
    return (JSON.parse(readFileSync(lock, 'utf8')) as { pid: number }).pid;
  }
}

/** When a process started, in the kernel's ticks; `undefined` where /proc is missing. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in brackets may hold spaces; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
