import {
  closeSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  openSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { FilePool } from './file-pool.js';
import type { SegmentBytes, SegmentStore } from './segment-bytes.js';

class FileSegment implements SegmentBytes {
  size: number;
  /** The directory and the file appear with the first byte or the first roll, not before. */
  #created: boolean;

  constructor(
    private readonly path: string,
    private readonly pool: FilePool,
    create: boolean,
  ) {
    const found = statSync(path, { throwIfNoEntry: false });
    this.#created = found !== undefined;
    this.size = found?.size ?? 0;
    if (create) this.#descriptor();
  }

  append(bytes: Buffer): void {
    const descriptor = this.#descriptor();
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(descriptor, bytes, written, bytes.length - written, this.size + written);
    }
    this.size += bytes.length;
  }

  read(position: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.size - position));
    if (wanted === 0) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(wanted);
    let got = 0;
    while (got < wanted) {
      const count = readSync(this.#descriptor(), bytes, got, wanted - got, position + got);
      if (count === 0) break;
      got += count;
    }
    return got === wanted ? bytes : bytes.subarray(0, got);
  }

  truncate(size: number): void {
    ftruncateSync(this.#descriptor(), size);
    this.size = size;
  }

  saveSummary(summary: unknown): void {
    const path = this.#summaryPath();
    writeFileSync(`${path}.new`, JSON.stringify(summary), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  loadSummary(): unknown {
    try {
      return JSON.parse(readFileSync(this.#summaryPath(), 'utf8'));
    } catch {
      // Absent or unreadable: the segment is scanned instead.
      return undefined;
    }
  }

  dropSummary(): void {
    rmSync(this.#summaryPath(), { force: true });
  }

  sync(): Promise<void> {
    if (!this.#created) return Promise.resolve();
    // A descriptor of its own: the pool may close a shared one while the device works.
    const descriptor = openSync(this.path, 'r+');
    return new Promise((resolve, reject) => {
      fdatasync(descriptor, (error) => {
        closeSync(descriptor);
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  close(): void {
    this.pool.release(this.path);
  }

  remove(): void {
    this.close();
    rmSync(this.path, { force: true });
    this.dropSummary();
  }

  #descriptor(): number {
    if (!this.#created) {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      this.#created = true;
    }
    return this.pool.descriptor(this.path);
  }

  #summaryPath(): string {
    return this.path.replace(/\.log$/, '.summary');
  }
}

const SEGMENT_NAME = /^(\d{20})\.log$/;

/** Segments as files `<first offset, 20 digits>.log` in a directory of their own. */
export function fileSegments(directory: string, pool: FilePool): SegmentStore {
  return {
    list() {
      let names: string[];
      try {
        names = readdirSync(directory);
      } catch {
        return [];
      }
      return names
        .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
        .map(Number)
        .sort((a, b) => a - b);
    },
    open(baseOffset) {
      const name = `${String(baseOffset).padStart(20, '0')}.log`;
      // A later segment's name is the only record of where the log continues: make it at once.
      return new FileSegment(join(directory, name), pool, baseOffset > 0);
    },
    remove() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
