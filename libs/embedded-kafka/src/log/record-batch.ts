import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { crc32c } from '../wire/crc32c.js';

/** Bytes before the records of a v2 batch. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes before the length field's own count begins. */
const LENGTH_PREFIX_BYTES = 12;
/** The checksum covers all from the attributes on, so offset and epoch can be rewritten. */
export const CHECKSUM_FROM = 21;

const COMPRESSION_MASK = 0x07;
/** Bits of a batch's attributes. */
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;

/** The header of a v2 record batch, as far as a broker looks at it. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Of the whole batch, header included. */
  readonly size: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly compression: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  /** -1 when the producer is not idempotent. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** Size of the batch at `at`, or `undefined` when not even that can be read or it is nonsense. */
export function batchSizeAt(bytes: Buffer, at: number): number | undefined {
  if (at + LENGTH_PREFIX_BYTES > bytes.length) return undefined;
  const size = LENGTH_PREFIX_BYTES + bytes.readInt32BE(at + 8);
  return size < BATCH_HEADER_BYTES ? undefined : size;
}

/** First offset of the batch at `at`. */
export function baseOffsetAt(bytes: Buffer, at: number): number {
  // Asked for each batch of a fetch: a BigInt would cost more than all else there.
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** Reads the header of the batch at `at`; the caller has checked that it is complete. */
export function readBatchHeader(bytes: Buffer, at = 0): BatchHeader {
  const attributes = bytes.readInt16BE(at + 21);
  const baseOffset = baseOffsetAt(bytes, at);
  return {
    baseOffset,
    size: LENGTH_PREFIX_BYTES + bytes.readInt32BE(at + 8),
    lastOffset: baseOffset + bytes.readInt32BE(at + 23),
    recordCount: bytes.readInt32BE(at + 57),
    compression: attributes & COMPRESSION_MASK,
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    baseTimestamp: Number(bytes.readBigInt64BE(at + 27)),
    maxTimestamp: Number(bytes.readBigInt64BE(at + 35)),
    producerId: Number(bytes.readBigInt64BE(at + 43)),
    producerEpoch: bytes.readInt16BE(at + 51),
    baseSequence: bytes.readInt32BE(at + 53),
  };
}

/** Whether the checksum of the complete batch `bytes` is right. */
export function isIntact(bytes: Buffer): boolean {
  return bytes[16] === 2 && bytes.readUInt32BE(17) === crc32c(bytes.subarray(CHECKSUM_FROM));
}

/** Gives a batch its place in the log; both fields lie outside the checksum. */
export function placeBatch(bytes: Buffer, baseOffset: number, leaderEpoch: number): void {
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  bytes.writeInt32BE(leaderEpoch, 12);
}

/**
 * Checks what a producer sent for one partition: exactly one intact v2 batch of at most `maxBytes`.
 *
 * @throws ProtocolError INVALID_RECORD, CORRUPT_MESSAGE or MESSAGE_TOO_LARGE
 */
export function validateBatch(bytes: Buffer | null, maxBytes: number): BatchHeader {
  if (bytes === null || bytes.length < BATCH_HEADER_BYTES || bytes[16] !== 2) {
    throw new ProtocolError(ErrorCode.INVALID_RECORD, 'expected a record batch of format 2');
  }
  if (bytes.length > maxBytes) {
    throw new ProtocolError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `batch of ${bytes.length} bytes exceeds max.message.bytes=${maxBytes}`,
    );
  }
  const header = readBatchHeader(bytes);
  if (header.size !== bytes.length) {
    throw new ProtocolError(ErrorCode.INVALID_RECORD, 'expected exactly one record batch');
  }
  if (!isIntact(bytes)) throw new ProtocolError(ErrorCode.CORRUPT_MESSAGE, 'checksum is wrong');
  if (header.recordCount < 1 || header.lastOffset - header.baseOffset !== header.recordCount - 1) {
    throw new ProtocolError(ErrorCode.INVALID_RECORD, 'record count and offsets disagree');
  }
  if (header.control) {
    throw new ProtocolError(ErrorCode.INVALID_RECORD, 'only the broker writes control batches');
  }
  if (header.transactional && header.producerId < 0) {
    throw new ProtocolError(ErrorCode.INVALID_RECORD, 'transactional batch without producer id');
  }
  if (header.producerId >= 0 && (header.producerEpoch < 0 || header.baseSequence < 0)) {
    throw new ProtocolError(ErrorCode.INVALID_RECORD, 'idempotent batch without sequence');
  }
  return header;
}
