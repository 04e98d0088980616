import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { BATCH_HEADER_BYTES, type BatchHeader } from './record-batch.js';

/** Records may unpack to at most this; beyond it the batch counts as one. */
const MAX_UNPACKED_BYTES = 64 * 1_048_576;

/**
 * The first record of a batch not older than `timestamp`. Batches packed with snappy or lz4 are not
 * unpacked: their first record answers for all, which is never too late.
 */
export function firstRecordSince(
  header: BatchHeader,
  batch: Buffer,
  timestamp: number,
): { offset: number; timestamp: number } {
  const whole = { offset: header.baseOffset, timestamp: header.baseTimestamp };
  try {
    const records = unpack(header.compression, batch.subarray(BATCH_HEADER_BYTES));
    if (records === undefined) return whole;
    let at = 0;
    for (let count = 0; count < header.recordCount; count++) {
      const length = varint(records, at);
      // After the length: one byte of attributes, then both deltas.
      const timestampDelta = varint(records, length.end + 1);
      const offsetDelta = varint(records, timestampDelta.end);
      const recordTimestamp = header.baseTimestamp + timestampDelta.value;
      if (recordTimestamp >= timestamp) {
        return { offset: header.baseOffset + offsetDelta.value, timestamp: recordTimestamp };
      }
      at = length.end + length.value;
    }
  } catch {
    // A producer may store records that nobody can unpack; the broker is not the one to judge.
  }
  return whole;
}

function unpack(compression: number, records: Buffer): Buffer | undefined {
  const limit = { maxOutputLength: MAX_UNPACKED_BYTES };
  if (compression === 0) return records;
  if (compression === 1) return gunzipSync(records, limit);
  if (compression === 4) return zstdDecompressSync(records, limit);
  return undefined;
}

/** A zigzag varint of up to 64 bits, exact below 2^53. */
function varint(bytes: Buffer, from: number): { value: number; end: number } {
  let raw = 0;
  let at = from;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes.readUInt8(at++);
    raw += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return { value: raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2, end: at };
}
