import type { IncomingRecord } from '@rookery/kafka';

/** Records of a partition that have come and were not begun, in their order. */
export class Backlog {
  #records: readonly IncomingRecord[] = [];
  #next = 0;
  #bytes = 0;

  get length(): number {
    return this.#records.length - this.#next;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(records: readonly IncomingRecord[]): void {
    this.#records = this.length === 0 ? records : [...this.#records.slice(this.#next), ...records];
    this.#next = 0;
    for (const record of records) this.#bytes += bytesOf(record);
  }

  take(): IncomingRecord | undefined {
    const record = this.#records[this.#next];
    if (record === undefined) return undefined;
    this.#next += 1;
    this.#bytes -= bytesOf(record);
    if (this.length === 0) this.clear();
    return record;
  }

  clear(): void {
    this.#records = [];
    this.#next = 0;
    this.#bytes = 0;
  }
}

/** Bytes that a record holds in memory. */
export function bytesOf({ value, key }: IncomingRecord): number {
  return (value?.length ?? 0) + (key?.length ?? 0) + 256;
}
