import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { PageNotBuiltError } from '../console.errors.js';

/** A file of the page. */
export interface WebAsset {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Builds the page into its folder; `apps/console/build.mjs`. */
export type BuildWeb = () => Promise<void>;

/**
 * The files of the page, all of them in memory: they are few and small, and what is not among them
 * cannot be asked for.
 */
export class WebAssets {
  #files: Promise<ReadonlyMap<string, WebAsset>> | undefined;

  /**
   * @param folder of the built page
   * @param sources its folder of sources; with `build`, a page older than them is built first
   */
  constructor(
    private readonly folder: string,
    private readonly sources: string,
    private readonly build?: BuildWeb,
  ) {}

  /**
   * A file by name, `undefined` when there is none. Asking for the page itself is when changed
   * sources are noticed.
   *
   * @throws PageNotBuiltError when there is no page and it cannot be built
   */
  async find(name: string): Promise<WebAsset | undefined> {
    if (name === 'index.html' && this.build !== undefined && (await this.#isStale())) {
      this.#files = undefined;
    }
    this.#files ??= this.#load();
    try {
      return (await this.#files).get(name);
    } catch (error) {
      // Tried again with the next request: the page may have been built meanwhile.
      this.#files = undefined;
      throw error;
    }
  }

  async #load(): Promise<ReadonlyMap<string, WebAsset>> {
    if (this.build !== undefined && (await this.#isStale())) {
      await this.build().catch((error: unknown) => {
        throw new PageNotBuiltError('the page does not build', { cause: error });
      });
    }
    let names: string[];
    try {
      names = await readdir(this.folder);
    } catch (error) {
      throw new PageNotBuiltError('run node apps/console/build.mjs', { cause: error });
    }
    const files = new Map<string, WebAsset>();
    for (const name of names) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const body = await readFile(join(this.folder, name));
      const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
      files.set(name, { type, body, etag });
    }
    return files;
  }

  async #isStale(): Promise<boolean> {
    try {
      const built = (await stat(join(this.folder, 'index.html'))).mtimeMs;
      const names = await readdir(this.sources);
      const times = await Promise.all(names.map((name) => stat(join(this.sources, name))));
      return times.some(({ mtimeMs }) => mtimeMs > built);
    } catch {
      return true;
    }
  }
}
