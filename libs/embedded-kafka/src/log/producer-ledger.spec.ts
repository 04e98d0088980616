import { describe, expect, it } from 'vitest';
import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { sequenced } from '../testing/record-batch-builder.js';
import { ProducerLedger } from './producer-ledger.js';
import { readBatchHeader, type BatchHeader } from './record-batch.js';

const batch = (
  count: number,
  sequence: number,
  {
    producer = 7,
    epoch = 0,
    offset = sequence,
  }: { producer?: number; epoch?: number; offset?: number } = {},
): BatchHeader => ({
  ...readBatchHeader(sequenced(count, sequence, producer, epoch)),
  baseOffset: offset,
});

const codeOf = (fn: () => unknown): number | undefined => {
  try {
    fn();
    return undefined;
  } catch (error) {
    return (error as ProtocolError).errorCode;
  }
};

describe('ProducerLedger', () => {
  it('recognises each of the last five batches, and no older one', () => {
    const ledger = new ProducerLedger();
    for (let n = 0; n < 6; n++) ledger.record(batch(10, n * 10, { offset: 100 + n * 10 }), 0);
    for (let n = 1; n < 6; n++) expect(ledger.check(batch(10, n * 10))).toBe(100 + n * 10);
    expect(codeOf(() => ledger.check(batch(10, 0)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
  });

  it('takes the next sequence and refuses a gap or a part of a known batch', () => {
    const ledger = new ProducerLedger();
    ledger.record(batch(10, 0), 0);
    expect(ledger.check(batch(1, 10))).toBeUndefined();
    expect(codeOf(() => ledger.check(batch(1, 11)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
    expect(codeOf(() => ledger.check(batch(5, 0)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
    expect(codeOf(() => ledger.check(batch(5, 5)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
  });

  it('goes on at 0 after the highest sequence', () => {
    const ledger = new ProducerLedger();
    ledger.record(batch(10, 2 ** 31 - 5, { offset: 40 }), 0);
    expect(ledger.check(batch(10, 2 ** 31 - 5))).toBe(40);
    expect(ledger.check(batch(3, 5))).toBeUndefined();
    expect(codeOf(() => ledger.check(batch(3, 6)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
  });

  it('starts a new epoch at 0 and fences the old one', () => {
    const ledger = new ProducerLedger();
    ledger.record(batch(10, 0, { epoch: 1 }), 0);
    expect(codeOf(() => ledger.check(batch(1, 10, { epoch: 2 })))).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE,
    );
    expect(ledger.check(batch(1, 0, { epoch: 2 }))).toBeUndefined();
    ledger.record(batch(1, 0, { epoch: 2 }), 0);
    expect(codeOf(() => ledger.check(batch(1, 10, { epoch: 1 })))).toBe(
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
  });

  it('lets an unknown producer begin anywhere, and ignores those without an id', () => {
    const ledger = new ProducerLedger();
    expect(ledger.check(batch(1, 500))).toBeUndefined();
    ledger.record(batch(1, 0, { producer: -1 }), 0);
    expect(ledger.snapshot()).toEqual([]);
  });

  it('keeps producers apart', () => {
    const ledger = new ProducerLedger();
    ledger.record(batch(10, 0, { producer: 1 }), 0);
    ledger.record(batch(1, 0, { producer: 2, offset: 10 }), 0);
    expect(ledger.check(batch(1, 0, { producer: 2 }))).toBe(10);
    expect(ledger.check(batch(1, 10, { producer: 1 }))).toBeUndefined();
  });

  it('forgets the longest silent ones: after a day, and beyond a thousand', () => {
    const ledger = new ProducerLedger();
    ledger.record(batch(1, 0, { producer: 1 }), 0);
    ledger.record(batch(1, 0, { producer: 2 }), 86_400_001);
    expect(ledger.snapshot().map(([id]) => id)).toEqual([2]);
    for (let id = 3; id < 2_000; id++) ledger.record(batch(1, 0, { producer: id }), 86_400_001);
    expect(ledger.snapshot()).toHaveLength(1_000);
    expect(ledger.snapshot()[0]?.[0]).toBe(1_000);
  });

  it('is the same after a snapshot, and the snapshot does not change with it', () => {
    const ledger = new ProducerLedger();
    ledger.record(batch(10, 0, { offset: 5 }), 0);
    const snapshot = JSON.parse(JSON.stringify(ledger.snapshot())) as ReturnType<
      ProducerLedger['snapshot']
    >;
    const restored = new ProducerLedger();
    restored.restore(snapshot);
    restored.record(batch(10, 10, { offset: 15 }), 0);
    expect(restored.check(batch(10, 0))).toBe(5);
    ledger.restore(snapshot);
    expect(codeOf(() => ledger.check(batch(1, 20)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
  });
});
