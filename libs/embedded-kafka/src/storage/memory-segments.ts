import type { SegmentBytes, SegmentStore } from './segment-bytes.js';

const FIRST_BYTES = 1_024;

class MemorySegment implements SegmentBytes {
  #buffer = Buffer.alloc(0);
  size = 0;

  append(bytes: Buffer): void {
    const needed = this.size + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2, FIRST_BYTES));
      this.#buffer.copy(larger, 0, 0, this.size);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.size);
    this.size = needed;
  }

  /** A view: written bytes never change, and a replaced buffer lives as long as its views. */
  read(position: number, length: number): Buffer {
    return this.#buffer.subarray(position, Math.min(position + length, this.size));
  }

  truncate(size: number): void {
    this.#buffer = Buffer.from(this.#buffer.subarray(0, size));
    this.size = size;
  }

  saveSummary(): void {}

  loadSummary(): undefined {
    return undefined;
  }

  dropSummary(): void {}

  async sync(): Promise<void> {}

  close(): void {}

  remove(): void {
    this.#buffer = Buffer.alloc(0);
    this.size = 0;
  }
}

/** Segments that live as long as the broker. */
export function memorySegments(): SegmentStore {
  return { list: () => [], open: () => new MemorySegment(), remove: () => {} };
}
