import { createHash } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancel, Clock } from '@rookery/core';

const WATCHED = /\.(ya?ml|properties)$/;
/** More files are no configuration folder; what lies beyond goes unnoticed until the next read. */
const MAX_FILES = 1_000;
/** An editor writes a file in several steps; they are one change. */
const SETTLE_MS = 50;

/**
 * Notices that the content of a folder changed. The system's own notices make it fast; looking
 * regularly makes it sure, for they do not come from network mounts and mounted ConfigMaps.
 */
export class FolderWatch {
  #revision: string | undefined;
  #fingerprint = '';
  #watcher: FSWatcher | undefined;
  #cancel: Cancel | undefined;
  #scanning = false;
  #closed = false;

  /**
   * @param pollMs longest time a change goes unnoticed
   * @param onChange called with each new revision, not with the first
   */
  constructor(
    private readonly root: string,
    private readonly pollMs: number,
    private readonly clock: Clock,
    private readonly onChange: (revision: string) => void,
  ) {}

  /** Identifies the content; `undefined` before the first look. */
  get revision(): string | undefined {
    return this.#revision;
  }

  /** Looks once, then watches until {@link close}. */
  async start(): Promise<void> {
    await this.#scan();
    if (this.#closed) return;
    try {
      this.#watcher = watch(this.root, { persistent: false, recursive: true }, () =>
        this.#schedule(SETTLE_MS),
      );
      // The folder was removed or replaced; looking regularly goes on.
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      this.#unwatch();
    }
    this.#schedule(this.pollMs);
  }

  /** Ends watching. */
  close(): void {
    this.#closed = true;
    this.#unwatch();
    this.#cancel?.();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#cancel?.();
    this.#cancel = this.clock.after(delayMs, () => {
      if (this.#scanning) return;
      void this.#scan().finally(() => this.#schedule(this.pollMs));
    });
  }

  async #scan(): Promise<void> {
    this.#scanning = true;
    try {
      const files = await this.#list();
      const fingerprint = (await Promise.all(files.map(fingerprintOf))).join('\n');
      if (fingerprint === this.#fingerprint && this.#revision !== undefined) return;
      const revision = await revisionOf(files, this.root);
      this.#fingerprint = fingerprint;
      const isFirst = this.#revision === undefined;
      if (revision === this.#revision) return;
      this.#revision = revision;
      if (!isFirst && !this.#closed) this.onChange(revision);
    } catch {
      // A file that went while it was read; the next look sees the folder as it is then.
      this.#fingerprint = '';
    } finally {
      this.#scanning = false;
    }
  }

  async #list(): Promise<string[]> {
    const entries = await readdir(this.root, { recursive: true });
    return entries
      .filter((name) => WATCHED.test(name))
      .sort()
      .slice(0, MAX_FILES)
      .map((name) => join(this.root, name));
  }
}

async function fingerprintOf(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path);
  return `${path}:${mtimeMs}:${size}:${ino}`;
}

async function revisionOf(files: readonly string[], root: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of files) {
    const content = await readFile(path);
    hash.update(`${path.slice(root.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}
