import { describe, expect, it } from 'vitest';
import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { recordBatch, sequenced } from '../testing/record-batch-builder.js';
import { crc32c } from '../wire/crc32c.js';
import { isIntact, placeBatch, readBatchHeader, validateBatch } from './record-batch.js';

const codeOf = (fn: () => unknown): number | undefined => {
  try {
    fn();
    return undefined;
  } catch (error) {
    return (error as ProtocolError).errorCode;
  }
};

describe('record batch', () => {
  it('says what its header holds', () => {
    const batch = recordBatch([{ value: 'a' }, { value: 'b', after: 5 }], {
      baseTimestamp: 100,
      producerId: 3,
      producerEpoch: 1,
      baseSequence: 9,
      gzip: true,
    });
    expect(readBatchHeader(batch)).toEqual({
      baseOffset: 0,
      size: batch.length,
      lastOffset: 1,
      recordCount: 2,
      compression: 1,
      transactional: false,
      control: false,
      baseTimestamp: 100,
      maxTimestamp: 105,
      producerId: 3,
      producerEpoch: 1,
      baseSequence: 9,
    });
  });

  it('gets its place without touching what the checksum covers', () => {
    const batch = recordBatch([{ value: 'a' }]);
    const covered = Buffer.from(batch.subarray(16));
    placeBatch(batch, 5_000_000_000, 4);
    expect(readBatchHeader(batch).baseOffset).toBe(5_000_000_000);
    expect(batch.readInt32BE(12)).toBe(4);
    expect(batch.subarray(16)).toEqual(covered);
    expect(isIntact(batch)).toBe(true);
  });

  it.each(Array.from({ length: 8 }, (_, n) => 21 + n * 6))('notices a flipped bit at %i', (at) => {
    const batch = recordBatch([{ key: 'k', value: 'value' }]);
    batch[at] = (batch[at] as number) ^ 1;
    expect(isIntact(batch)).toBe(false);
  });

  const changed = (change: (batch: Buffer) => void, reseal = true): Buffer => {
    const batch = sequenced(2, 0);
    change(batch);
    if (reseal) batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
    return batch;
  };

  it.each([
    ['nothing', null, ErrorCode.INVALID_RECORD],
    ['less than a header', Buffer.alloc(60), ErrorCode.INVALID_RECORD],
    ['an older format', changed((batch) => void (batch[16] = 1)), ErrorCode.INVALID_RECORD],
    [
      'two batches',
      Buffer.concat([recordBatch([{ value: 'a' }]), recordBatch([{ value: 'b' }])]),
      ErrorCode.INVALID_RECORD,
    ],
    [
      'a wrong checksum',
      changed((batch) => void (batch[70] = (batch[70] as number) ^ 1), false),
      ErrorCode.CORRUPT_MESSAGE,
    ],
    ['no records', changed((batch) => batch.writeInt32BE(0, 57)), ErrorCode.INVALID_RECORD],
    [
      'a wrong last offset',
      changed((batch) => batch.writeInt32BE(7, 23)),
      ErrorCode.INVALID_RECORD,
    ],
    ['a control batch', changed((batch) => batch.writeInt16BE(0x20, 21)), ErrorCode.INVALID_RECORD],
    [
      'a transaction of nobody',
      recordBatch([{ value: 'a' }], { attributes: 0x10 }),
      ErrorCode.INVALID_RECORD,
    ],
    ['no sequence', changed((batch) => batch.writeInt32BE(-1, 53)), ErrorCode.INVALID_RECORD],
    ['too much', recordBatch([{ value: 'x'.repeat(1_000) }]), ErrorCode.MESSAGE_TOO_LARGE],
  ])('refuses %s', (_name, bytes, code) => {
    expect(codeOf(() => validateBatch(bytes, 1_000))).toBe(code);
  });
});
