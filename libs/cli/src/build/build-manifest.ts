import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One file that went into a build. */
export interface BuildInput {
  readonly mtimeMs: number;
  readonly size: number;
  readonly hash: string;
}

/** What a build was made from, and what it made. */
export interface BuildManifest {
  /** Everything that decides the output besides the files: versions, options, entries. */
  readonly key: string;
  /** By path relative to the workspace. */
  readonly inputs: Readonly<Record<string, BuildInput>>;
  /** Paths relative to the build's folder. */
  readonly outputs: readonly string[];
}

/** Name of the manifest in the folder of the build. */
export const MANIFEST = 'manifest.json';

/** The facts about a file by which a later run knows whether it changed. */
export function describeInput(path: string): BuildInput {
  const { mtimeMs, size } = statSync(path);
  return { mtimeMs, size, hash: hashOf(path) };
}

/**
 * Whether the build in a folder is the one that these inputs would make. A file whose time and size
 * are as they were is taken as unchanged; any other is read and compared, so that a fresh checkout
 * of the same commit builds nothing.
 */
export function isCurrent(root: string, folder: string, key: string): boolean {
  const manifest = readManifest(folder);
  if (manifest?.key !== key) return false;
  const complete = manifest.outputs.every((output) => existsSync(join(folder, output)));
  return (
    complete &&
    Object.entries(manifest.inputs).every(([path, known]) => isSame(join(root, path), known))
  );
}

function readManifest(folder: string): BuildManifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as BuildManifest;
  } catch {
    return undefined;
  }
}

function isSame(path: string, known: BuildInput): boolean {
  const now = statSync(path, { throwIfNoEntry: false });
  if (now === undefined || now.size !== known.size) return false;
  return now.mtimeMs === known.mtimeMs || hashOf(path) === known.hash;
}

function hashOf(path: string): string {
  return createHash('sha1').update(readFileSync(path)).digest('base64');
}
