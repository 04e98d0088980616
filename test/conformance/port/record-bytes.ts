import type { Bytes, OutgoingRecord } from './operations.js';

const bytesOf = (bytes: Bytes | undefined): Uint8Array | null =>
  typeof bytes === 'string' ? Buffer.from(bytes) : (bytes ?? null);

/** Text in records as the bytes it stands for, so that workers get bytes alone. */
export function encodeRecords(args: object): object {
  if (!('records' in args)) return args;
  const records = (args.records as readonly OutgoingRecord[]).map((record) => ({
    ...record,
    key: bytesOf(record.key),
    value: bytesOf(record.value),
    headers: (record.headers ?? []).map(([name, value]) => [name, bytesOf(value)]),
  }));
  return { ...args, records };
}
