import type { OutgoingRecord } from './kafka-driver.js';

/** What a record without anything in it takes, at most. */
const OVERHEAD = 64;

/** About how many bytes a record takes in a batch; never much less than it does. */
export function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = OVERHEAD + lengthOf(key) + lengthOf(value);
  for (const name in headers) {
    const header = headers[name];
    const values =
      typeof header === 'string' || Buffer.isBuffer(header) ? [header] : (header ?? []);
    for (const one of values) bytes += 8 + name.length + lengthOf(one);
  }
  return bytes;
}

function lengthOf(value: Buffer | string | null): number {
  return value === null ? 0 : Buffer.byteLength(value);
}
