import type { IncomingRecord, OutgoingRecord, RecordHeaders } from '@rookery/kafka';
import { murmur2 } from '@rookery/kafka';

/**
 * Rows are spread over this many lanes by their key; whoever holds a lane sends its rows in the
 * order they were inserted. A constant, because rows of one key must never be in two lanes.
 */
export const LANES = 16;

/** Text stays readable in the table; bytes, which dead letters may have, do not fit into JSON. */
type StoredValue = string | { readonly base64: string };
/** The column `headers`. */
export type StoredHeaders = Readonly<Record<string, StoredValue | readonly StoredValue[]>>;

/** A record as the columns of the outbox hold it. */
export interface OutboxColumns {
  readonly lane: number;
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** JSON. */
  readonly headers: string;
  readonly partition: number | null;
}

/** The columns of a record. */
export function outboxRow(record: OutgoingRecord): OutboxColumns {
  const key = record.key === null ? null : Buffer.from(record.key);
  return {
    lane: laneOf(key),
    topic: record.topic,
    key,
    value: record.value === null ? null : Buffer.from(record.value),
    headers: JSON.stringify(storedHeaders(record.headers)),
    partition: record.partition ?? null,
  };
}

function laneOf(key: Buffer | null): number {
  return key === null ? 0 : (murmur2(key) & 0x7fffffff) % LANES;
}

/** Headers as a column of JSON holds them. */
export function storedHeaders(
  headers: RecordHeaders | IncomingRecord['headers'] = {},
): StoredHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' || Buffer.isBuffer(value)
        ? stored(value)
        : (value as readonly (Buffer | string)[]).map(stored),
    ]),
  );
}

function stored(value: Buffer | string): StoredValue {
  if (typeof value === 'string') return value;
  const text = value.toString();
  const exact = !text.includes('\0') && Buffer.from(text).equals(value);
  return exact ? text : { base64: value.toString('base64') };
}

/** Headers as they were before they were stored. */
export function recordHeaders(headers: StoredHeaders): RecordHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value)
        ? (value as readonly StoredValue[]).map(restored)
        : restored(value as StoredValue),
    ]),
  );
}

function restored(value: StoredValue): Buffer | string {
  return typeof value === 'string' ? value : Buffer.from(value.base64, 'base64');
}
