import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ConfigDocumentError } from '../config.errors.js';
import type { PropertySource } from './property-source.js';
import { readYaml } from './yaml-source.js';

/**
 * Names of the files that make up an app's configuration, the first of which wins. The order is
 * Spring's: the last profile before the first, profiles before what holds for all of them, and
 * within each the app's own file before the shared one.
 */
export function fileNames(app: string, profiles: readonly string[]): string[] {
  const suffixes = [...[...profiles].reverse().map((profile) => `-${profile}`), ''];
  const names = suffixes.flatMap((suffix) => [`${app}${suffix}.yml`, `application${suffix}.yml`]);
  return [...new Set(names)];
}

/**
 * Reads an app's files from a folder; absent ones are skipped, an absent folder is empty.
 *
 * @throws ConfigDocumentError when a file cannot be read or does not parse
 */
export async function readLocalFiles(
  directory: string,
  app: string,
  profiles: readonly string[],
): Promise<PropertySource[]> {
  const read = fileNames(app, profiles).map(async (file) => {
    const name = `${basename(directory)}/${file}`;
    const text = await readOptional(join(directory, file), name);
    return text === undefined ? [] : readYaml(text, name, profiles);
  });
  return (await Promise.all(read)).flat();
}

async function readOptional(path: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ConfigDocumentError(name, `cannot be read (${code ?? 'unknown error'})`, error);
  }
}
