import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32c } from '../wire/crc32c.js';

/** Length and checksum before each entry. */
const FRAME_BYTES = 8;
/** Rewritten when more entries than this are out of date, and more than half. */
const MIN_STALE = 4_096;

/**
 * A small map that survives: each change is appended to a file, and the file is rewritten when most
 * of it is out of date. A change that was not written completely when the process died is dropped
 * on loading. Without a path it is a map in memory.
 */
export class Journal<V> {
  readonly #live = new Map<string, V>();
  #descriptor: number | undefined;
  #size = 0;
  #entries = 0;

  constructor(
    private readonly path?: string,
    private readonly fsync = false,
  ) {
    if (path !== undefined) this.#load(path);
  }

  get(key: string): V | undefined {
    return this.#live.get(key);
  }

  entries(): IterableIterator<[string, V]> {
    return this.#live.entries();
  }

  /** @throws the file system's error; the map is then unchanged */
  set(key: string, value: V): void {
    this.#append({ key, value });
    this.#live.set(key, value);
  }

  delete(key: string): void {
    if (!this.#live.has(key)) return;
    this.#append({ key });
    this.#live.delete(key);
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    fdatasyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #load(path: string): void {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#descriptor = openSync(path, 'a+', 0o600);
    const bytes = readFileSync(path);
    let at = 0;
    while (at + FRAME_BYTES <= bytes.length) {
      const end = at + FRAME_BYTES + bytes.readUInt32BE(at);
      const body = bytes.subarray(at + FRAME_BYTES, end);
      if (end > bytes.length || crc32c(body) !== bytes.readUInt32BE(at + 4)) break;
      const entry = JSON.parse(body.toString()) as { key: string; value?: V };
      if (entry.value === undefined) this.#live.delete(entry.key);
      else this.#live.set(entry.key, entry.value);
      this.#entries++;
      at = end;
    }
    if (at < bytes.length) ftruncateSync(this.#descriptor, at);
    this.#size = at;
  }

  #append(entry: { key: string; value?: V }): void {
    if (this.path === undefined) return;
    if (this.#descriptor === undefined) throw new Error('journal is closed');
    if (this.#entries - this.#live.size > Math.max(MIN_STALE, this.#live.size)) this.#rewrite();
    const frame = frameOf(entry);
    try {
      writeAll(this.#descriptor, frame);
    } catch (error) {
      ftruncateSync(this.#descriptor, this.#size);
      throw error;
    }
    if (this.fsync) fdatasyncSync(this.#descriptor);
    this.#size += frame.length;
    this.#entries++;
  }

  #rewrite(): void {
    const path = this.path as string;
    const fresh = openSync(`${path}.new`, 'w', 0o600);
    let size = 0;
    for (const [key, value] of this.#live) {
      const frame = frameOf({ key, value });
      writeAll(fresh, frame);
      size += frame.length;
    }
    fdatasyncSync(fresh);
    closeSync(fresh);
    // Some systems do not replace a file that is open.
    closeSync(this.#descriptor as number);
    try {
      renameSync(`${path}.new`, path);
    } finally {
      this.#descriptor = openSync(path, 'a+', 0o600);
    }
    this.#size = size;
    this.#entries = this.#live.size;
  }
}

function frameOf(entry: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(entry));
  const frame = Buffer.allocUnsafe(FRAME_BYTES + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt32BE(crc32c(body), 4);
  body.copy(frame, FRAME_BYTES);
  return frame;
}

function writeAll(descriptor: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}
