import type { RecordsBatch } from '@platformatic/kafka';
import type { IncomingRecord } from '../driver/kafka-driver.js';

const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
const ABORT_MARKER = 0;
const EMPTY = Buffer.alloc(0);

/** What a fetch brought of one partition. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly batches: readonly RecordsBatch[];
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
}

/** Records to hand on, and where to go on reading, which may be further than the last of them. */
export interface ReadableRecords {
  readonly records: IncomingRecord[];
  readonly next: number;
}

/**
 * The committed records from an offset on: without transaction markers, and without what transactions
 * wrote that were given up (in the way the protocol asks of readers with `read_committed`).
 */
export function readableRecords(fetched: FetchedPartition, from: number): ReadableRecords {
  const pending = [...fetched.aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const givenUp = new Set<bigint>();
  const records: IncomingRecord[] = [];
  let next = from;
  for (const batch of fetched.batches) {
    const base = Number(batch.firstOffset);
    const last = base + batch.lastOffsetDelta;
    if (!Number.isSafeInteger(last)) {
      throw new RangeError(`offset ${batch.firstOffset} exceeds ${Number.MAX_SAFE_INTEGER}`);
    }
    while (pending[0] !== undefined && Number(pending[0].firstOffset) <= last) {
      givenUp.add((pending.shift() as (typeof pending)[number]).producerId);
    }
    if ((batch.attributes & CONTROL) !== 0) {
      // The key holds a version and a type, 16 bits each.
      if (batch.records[0]?.key?.readInt16BE(2) === ABORT_MARKER) givenUp.delete(batch.producerId);
    } else if ((batch.attributes & TRANSACTIONAL) === 0 || !givenUp.has(batch.producerId)) {
      read(batch, base, from, fetched, records);
    }
    next = Math.max(next, last + 1);
  }
  return { records, next };
}

function read(
  batch: RecordsBatch,
  base: number,
  from: number,
  { topic, partition }: FetchedPartition,
  into: IncomingRecord[],
): void {
  const stamped = (batch.attributes & LOG_APPEND_TIME) !== 0;
  const first = Number(batch.firstTimestamp);
  for (const record of batch.records) {
    const offset = base + record.offsetDelta;
    // A batch is sent whole, also when reading begins in its middle.
    if (offset < from) continue;
    into.push({
      topic,
      partition,
      offset,
      key: record.key,
      value: record.value,
      headers: headersOf(record.headers),
      timestamp: stamped ? Number(batch.maxTimestamp) : first + Number(record.timestampDelta),
    });
  }
}

function headersOf(
  headers: readonly (readonly [Buffer | null, Buffer | null])[],
): IncomingRecord['headers'] {
  const result: Record<string, Buffer | Buffer[]> = {};
  for (const [key, value] of headers) {
    const name = String(key ?? '');
    const bytes = value ?? EMPTY;
    const before = Object.hasOwn(result, name) ? result[name] : undefined;
    if (before === undefined) result[name] = bytes;
    else if (Array.isArray(before)) before.push(bytes);
    else result[name] = [before, bytes];
  }
  return result;
}
