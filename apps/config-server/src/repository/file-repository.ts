import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { ConfigDocumentError, readYaml, type PropertySource } from '@rookery/config';
import { ConfigNotFoundError, RepositoryUnavailableError } from '../config-server.errors.js';
import { withoutCiphers } from './cipher.js';
import type { Address } from './names.js';
import { readProperties } from './properties-source.js';

/** What Spring calls an environment: the sources of an application, the first of which wins. */
export interface Environment {
  readonly name: string;
  readonly profiles: readonly string[];
  readonly label: string | undefined;
  /** Changes with the content. */
  readonly version: string;
  readonly propertySources: readonly PropertySource[];
}

/** Forms of one file; at the same level properties win over YAML, as in Spring Boot. */
const EXTENSIONS = ['properties', 'yml', 'yaml'] as const;
/** Labels that mean the folder itself, as a repository without versions has one only. */
const DEFAULT_LABELS = new Set(['main', 'master']);
const MAX_FILE = 1_048_576;

/**
 * Serves a folder: `application.yml`, `<app>.yml`, `<app>-<profile>.yml`, in subfolders per label.
 * Read on each request, so that an answer is never older than the files.
 */
export class FileRepository {
  constructor(private readonly root: string) {}

  /**
   * The environment of an address. An application without files has what is shared by all.
   *
   * @throws ConfigNotFoundError when the label has no folder
   * @throws ConfigDocumentError when a file does not parse or holds a forbidden key
   * @throws RepositoryUnavailableError when the folder cannot be read
   */
  async find(address: Address): Promise<Environment> {
    const root = await this.#realRoot();
    const folders = [...(await this.#labelFolder(root, address.label)), root];
    const read = fileStems(address).flatMap((stem) =>
      folders.flatMap((folder) =>
        EXTENSIONS.map((extension) => this.#read(root, folder, `${stem}.${extension}`, address)),
      ),
    );
    const sources = (await Promise.all(read)).flat().map(withoutCiphers);
    return {
      name: address.name,
      profiles: address.profiles,
      label: address.label,
      version: versionOf(sources),
      propertySources: sources,
    };
  }

  async #realRoot(): Promise<string> {
    try {
      return await realpath(this.root);
    } catch (error) {
      throw new RepositoryUnavailableError('the configuration folder cannot be read', {
        cause: error,
      });
    }
  }

  async #labelFolder(root: string, label: string | undefined): Promise<string[]> {
    if (label === undefined) return [];
    const folder = await inside(root, join(root, label));
    if (folder !== undefined) return [folder];
    if (DEFAULT_LABELS.has(label)) return [];
    throw new ConfigNotFoundError('no such label');
  }

  async #read(
    root: string,
    folder: string,
    file: string,
    { profiles }: Address,
  ): Promise<PropertySource[]> {
    const path = await inside(root, join(folder, file));
    if (path === undefined) return [];
    // The folder's own name is enough to find a file; where it lies is nobody's business.
    const shown = relative(root, join(folder, file)).split(sep).join('/');
    const name = `file:${basename(this.root)}/${shown}`;
    const text = await readFile(path, 'utf8');
    if (text.length > MAX_FILE) throw new ConfigDocumentError(name, `over ${MAX_FILE} bytes`);
    return file.endsWith('.properties')
      ? readProperties(text, name)
      : readYaml(text, name, profiles);
  }
}

/**
 * Stems of the files to read, the first of which wins, as Spring orders them: the last profile
 * first, profiles before general, and within each the last application before the shared one.
 */
function fileStems({ applications, profiles }: Address): string[] {
  const suffixes = [...[...profiles].reverse().map((profile) => `-${profile}`), ''];
  const apps = [...[...applications].reverse(), 'application'];
  return [...new Set(suffixes.flatMap((suffix) => apps.map((app) => `${app}${suffix}`)))];
}

/** The real path of a file, unless it is absent or a link leads out of the folder. */
async function inside(root: string, path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    return real.startsWith(`${root}${sep}`) ? real : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new RepositoryUnavailableError('a configuration file cannot be read', { cause: error });
  }
}

function versionOf(sources: readonly PropertySource[]): string {
  const hash = createHash('sha256');
  for (const { name, properties } of sources) {
    hash.update(JSON.stringify([name, [...properties].map(([key, { value }]) => [key, value])]));
  }
  return hash.digest('hex').slice(0, 40);
}
