import { createHash } from 'node:crypto';
import {
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedPostgresError } from '../persistence.errors.js';

/** An operating system user. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Where a cluster lives, and as whom its server runs. */
export interface ClusterHome {
  readonly directory: string;
  /** PostgreSQL's own directory. */
  readonly data: string;
  /** Set when we are root: PostgreSQL refuses to run as root. */
  readonly runAs: Account | undefined;
}

/** `nobody`, who owns nothing else and exists everywhere that has a passwd file. */
const NOBODY: Account = { uid: 65_534, gid: 65_534 };

const POINTER = 'location';
const OWN_ENTRIES =
  /^(data|data\.partial(\.password)?|secret(\.partial)?|server\.log|lock(\.\d+)?|location|binaries-.*)$/;

/**
 * The home for `dataDirectory`: that directory itself, or, when we are root and the user that the
 * server runs as cannot get there (a checkout in root's home), one under `/var/lib/rookery` to
 * which a file in `dataDirectory` points.
 */
export async function clusterHome(dataDirectory: string): Promise<ClusterHome> {
  await makeDirectory(dataDirectory);
  const wanted = await realpath(dataDirectory);
  if (process.getuid?.() !== 0) {
    await refuseForeign(wanted);
    return { directory: wanted, data: join(wanted, 'data'), runAs: undefined };
  }
  const pointed = await readPointer(wanted);
  const directory =
    pointed ?? ((await canReach(wanted, NOBODY)) ? wanted : await makeSystemHome(wanted));
  const data = join(directory, 'data');
  return { directory, data, runAs: (await ownerOf(data)) ?? NOBODY };
}

/** Removes what clusters keep in `dataDirectory` and where it points to; nothing else. */
export async function removeHome(dataDirectory: string): Promise<void> {
  const wanted = await real(dataDirectory);
  const pointed = await readPointer(wanted);
  for (const directory of pointed === undefined ? [wanted] : [pointed, wanted]) {
    const entries = await readdir(directory).catch(() => []);
    for (const name of entries.filter((entry) => OWN_ENTRIES.test(entry))) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
    await rmdir(directory).catch(() => undefined);
  }
}

/** Where the cluster of `dataDirectory` lives, without creating anything. */
export async function existingHome(dataDirectory: string): Promise<string> {
  const wanted = await real(dataDirectory);
  return (await readPointer(wanted)) ?? wanted;
}

/** The path without symbolic links, by which the server of a directory is recognised. */
async function real(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

function systemRoots(): string[] {
  return ['/var/lib/rookery', join(tmpdir(), 'rookery')];
}

function systemName(wanted: string): string {
  return createHash('sha256').update(wanted).digest('hex').slice(0, 16);
}

async function makeSystemHome(wanted: string): Promise<string> {
  const failures: string[] = [];
  for (const root of systemRoots()) {
    const directory = join(root, systemName(wanted));
    try {
      await makeDirectory(directory);
      await Promise.all([root, directory].map(refuseWritable));
      if (await canReach(directory, NOBODY)) {
        await writeFile(join(wanted, POINTER), `${directory}\n`, { mode: 0o644 });
        return directory;
      }
      failures.push(`${directory} is out of reach for uid ${NOBODY.uid}`);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL cannot run as root, and there is no place for its files (${failures.join('; ')}): ` +
      'run as an ordinary user, or set DATABASE_URL to a server of your own',
  );
}

async function readPointer(wanted: string): Promise<string | undefined> {
  const text = await readFile(join(wanted, POINTER), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const directory = text.trim();
  // What is written here gets deleted by a reset, so it must be one of our places.
  const ours = systemRoots().includes(dirname(directory)) && /\/[0-9a-f]{16}$/.test(directory);
  if (!ours) {
    throw new EmbeddedPostgresError(
      `${join(wanted, POINTER)} does not name a place of ours: remove the file`,
    );
  }
  return directory;
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new EmbeddedPostgresError(
      `cannot create ${directory} (${(error as Error).message}): choose another data directory`,
      { cause: error },
    );
  }
}

async function refuseForeign(directory: string): Promise<void> {
  const owner = (await ownerOf(join(directory, 'data'))) ?? (await ownerOf(directory));
  const uid = process.getuid?.();
  const pointer = await stat(join(directory, POINTER)).catch(() => undefined);
  if (uid === undefined || (owner?.uid === uid && pointer === undefined)) return;
  throw new EmbeddedPostgresError(
    `${directory} belongs to user ${pointer === undefined ? owner?.uid : 0}, who started the ` +
      'database before: run as that user, or clear it as that user with rookery reset',
  );
}

async function refuseWritable(directory: string): Promise<void> {
  const { uid, mode } = await lstat(directory);
  const isDirectory = (mode & 0o170000) === 0o040000;
  if (uid !== 0 || !isDirectory || (mode & 0o022) !== 0) {
    throw new EmbeddedPostgresError(`${directory} is not root's alone: remove it`);
  }
}

async function ownerOf(path: string): Promise<Account | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : { uid: found.uid, gid: found.gid };
}

/** Whether the account may enter a directory and all above it. */
async function canReach(directory: string, { uid, gid }: Account): Promise<boolean> {
  const found = await stat(directory);
  const bit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
  if ((found.mode & bit) === 0) return false;
  const above = dirname(directory);
  return above === directory || canReach(above, { uid, gid });
}
