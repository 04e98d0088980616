import { closeSync, constants, openSync } from 'node:fs';

/**
 * Keeps files open for reading and writing, at most `limit` at a time; the longest unused one is
 * closed for a new one and reopened when it is needed again.
 */
export class FilePool {
  readonly #open = new Map<string, number>();

  constructor(private readonly limit = 128) {}

  /** A descriptor of the file, created if absent. Use it at once: a later call may close it. */
  descriptor(path: string): number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const opened = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#open.set(path, opened);
    if (this.#open.size > this.limit) {
      const [oldest] = this.#open.keys();
      this.release(oldest as string);
    }
    return opened;
  }

  /** Closes the file if it is open. */
  release(path: string): void {
    const descriptor = this.#open.get(path);
    if (descriptor === undefined) return;
    this.#open.delete(path);
    closeSync(descriptor);
  }

  closeAll(): void {
    for (const path of this.#open.keys()) this.release(path);
  }
}
