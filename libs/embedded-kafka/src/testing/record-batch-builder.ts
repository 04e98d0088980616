import { gzipSync } from 'node:zlib';
import { crc32c } from '../wire/crc32c.js';

/** A record as tests write it. */
export interface TestRecord {
  key?: string;
  value: string;
  /** Milliseconds after the batch's base timestamp. */
  after?: number;
}

/** What a batch may say besides its records. */
export interface TestBatch {
  baseTimestamp?: number;
  producerId?: number;
  producerEpoch?: number;
  baseSequence?: number;
  gzip?: boolean;
  /** Further attribute bits. */
  attributes?: number;
}

/** A v2 record batch, built field by field as the protocol guide lays it out. */
export function recordBatch(records: readonly TestRecord[], batch: TestBatch = {}): Buffer {
  const { baseTimestamp = 1_000, producerId = -1, producerEpoch = -1, baseSequence = -1 } = batch;
  const plain = Buffer.concat(
    records.map(({ key, value, after = 0 }, index) => {
      const body = Buffer.concat([
        Buffer.from([0]),
        zigzag(after),
        zigzag(index),
        key === undefined ? zigzag(-1) : withLength(key),
        withLength(value),
        zigzag(0),
      ]);
      return Buffer.concat([zigzag(body.length), body]);
    }),
  );
  const packed = batch.gzip === true ? gzipSync(plain) : plain;
  const bytes = Buffer.alloc(61 + packed.length);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE((batch.attributes ?? 0) | (batch.gzip === true ? 1 : 0), 21);
  bytes.writeInt32BE(records.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(baseTimestamp), 27);
  const last = Math.max(...records.map(({ after = 0 }) => after));
  bytes.writeBigInt64BE(BigInt(baseTimestamp + last), 35);
  bytes.writeBigInt64BE(BigInt(producerId), 43);
  bytes.writeInt16BE(producerEpoch, 51);
  bytes.writeInt32BE(baseSequence, 53);
  bytes.writeInt32BE(records.length, 57);
  packed.copy(bytes, 61);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** A batch of `count` records from an idempotent producer. */
export function sequenced(count: number, baseSequence: number, producer = 7, epoch = 0): Buffer {
  return recordBatch(
    Array.from({ length: count }, (_, index) => ({ value: `${producer}:${baseSequence + index}` })),
    { producerId: producer, producerEpoch: epoch, baseSequence },
  );
}

function zigzag(value: number): Buffer {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  const bytes: number[] = [];
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

function withLength(text: string): Buffer {
  return Buffer.concat([zigzag(Buffer.byteLength(text)), Buffer.from(text)]);
}
