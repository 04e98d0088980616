import { crc32c } from '../wire/crc32c.js';
import { BATCH_HEADER_BYTES, CHECKSUM_FROM, CONTROL, TRANSACTIONAL } from './record-batch.js';

/** The end of a producer's transaction in one partition. */
export interface EndMarker {
  readonly producerId: number;
  readonly epoch: number;
  readonly outcome: 'commit' | 'abort';
  readonly timestamp: number;
}

/** One record: key `version int16, type int16`, value `version int16, coordinator epoch int32`. */
const RECORD = Buffer.from([
  // Length, attributes, timestamp delta, offset delta; lengths are zigzag varints.
  32, 0, 0, 0,
  // Key.
  8, 0, 0, 0, 0,
  // Value.
  12, 0, 0, 0, 0, 0, 0,
  // No headers.
  0,
]);
const SIZE = BATCH_HEADER_BYTES + RECORD.length;
const TYPE_AT = BATCH_HEADER_BYTES + 8;
const ABORT = 0;
const COMMIT = 1;

/** The control batch for a marker; its offset is not set yet. */
export function controlBatch({ producerId, epoch, outcome, timestamp }: EndMarker): Buffer {
  const bytes = Buffer.alloc(SIZE);
  bytes.writeInt32BE(SIZE - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(TRANSACTIONAL | CONTROL, 21);
  bytes.writeBigInt64BE(BigInt(timestamp), 27);
  bytes.writeBigInt64BE(BigInt(timestamp), 35);
  bytes.writeBigInt64BE(BigInt(producerId), 43);
  bytes.writeInt16BE(epoch, 51);
  bytes.writeInt32BE(-1, 53);
  bytes.writeInt32BE(1, 57);
  RECORD.copy(bytes, BATCH_HEADER_BYTES);
  bytes.writeInt8(outcome === 'commit' ? COMMIT : ABORT, TYPE_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CHECKSUM_FROM)), 17);
  return bytes;
}

/** How the transaction ended that the control batch `bytes` ends. */
export function outcomeOf(bytes: Buffer): EndMarker['outcome'] {
  return bytes.readInt8(TYPE_AT) === COMMIT ? 'commit' : 'abort';
}
