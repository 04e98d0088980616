import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { controlBatch } from './control-batch.js';
import { isIntact, readBatchHeader, type BatchHeader } from './record-batch.js';
import { TransactionIndex } from './transaction-index.js';

const at = (baseOffset: number, producerId: number): BatchHeader => ({
  ...readBatchHeader(controlBatch({ producerId, epoch: 0, outcome: 'abort', timestamp: 0 })),
  baseOffset,
});

/** Applies `producer` (a batch), `producer!` (its commit) and `producer?` (its abort), in order. */
function indexOf(log: string): TransactionIndex {
  const index = new TransactionIndex();
  for (const [offset, entry] of log.split(' ').entries()) {
    const end = entry.at(-1);
    const outcome = end === '!' ? 'commit' : end === '?' ? 'abort' : undefined;
    index.record(at(offset, Number.parseInt(entry, 10)), outcome);
  }
  return index;
}

const found = (index: TransactionIndex, from: number, to = Infinity): string[] =>
  index.abortedIn(from, to).map(({ producerId, firstOffset }) => `${producerId}@${firstOffset}`);

describe('TransactionIndex', () => {
  it('knows where the oldest open transaction begins', () => {
    expect(indexOf('1 2 1 2').firstOpenOffset).toBe(0);
    expect(indexOf('1 2 1! 2').firstOpenOffset).toBe(1);
    expect(indexOf('1 2 1! 1 2?').firstOpenOffset).toBe(3);
    expect(indexOf('1 2 1! 2?').firstOpenOffset).toBeUndefined();
    expect(indexOf('1 2 1!').open()).toEqual([{ producerId: 2, epoch: 0 }]);
  });

  it('finds what was aborted in a range, and nothing that was committed', () => {
    const index = indexOf('1 2 1 1! 2? 1 1? 3?');
    expect(found(index, 0)).toEqual(['2@1', '1@5']);
    expect(found(index, 4)).toEqual(['2@1', '1@5']);
    expect(found(index, 5)).toEqual(['1@5']);
    expect(found(index, 7)).toEqual([]);
    expect([index.anyAbortedFrom(6), index.anyAbortedFrom(7)]).toEqual([true, false]);
    expect(found(index, 0, 5)).toEqual(['2@1']);
    expect(found(index, 0, 1)).toEqual([]);
  });

  it('looks past those that ended while an older one was open', () => {
    // 1 is open over all; 2 ends within, 1 last.
    const index = indexOf('1 2 2? 2 2? 1?');
    expect(found(index, 0, 1)).toEqual(['1@0']);
    expect(found(index, 0, 3)).toEqual(['2@1', '1@0']);
  });

  it('agrees with a search through all, for any order of ends', () => {
    const next = seededRandom(1);
    const random = (below: number): number => Math.floor(next() * below);
    for (let round = 0; round < 50; round++) {
      const entries = Array.from(
        { length: 40 },
        () => `${random(4)}${['', '', '!', '?'][random(4)]}`,
      );
      const index = indexOf(entries.join(' '));
      const all = index.abortedIn(0, Infinity);
      for (let from = 0; from <= 40; from += 3) {
        for (let to = from; to <= 40; to += 3) {
          expect(index.abortedIn(from, to)).toEqual(
            all.filter((one) => one.lastOffset >= from && one.firstOffset < to),
          );
        }
      }
    }
  });

  it('is the same when it was put together from snapshots', () => {
    const whole = indexOf('1 2 1? 2 3 2? 3');
    const first = indexOf('1 2 1?').snapshot(0);
    const copy = new TransactionIndex();
    copy.restore(JSON.parse(JSON.stringify(first)) as typeof first);
    copy.restore(JSON.parse(JSON.stringify(whole.snapshot(3))) as typeof first);
    expect(copy.snapshot(0)).toEqual(whole.snapshot(0));
    expect(copy.firstOpenOffset).toBe(4);
  });

  it('forgets what ended below an offset', () => {
    const index = indexOf('1 1? 2 2? 3');
    index.forgetBefore(2);
    expect(found(index, 0)).toEqual(['2@2']);
    index.forgetBefore(9);
    expect(index.snapshot(0)).toMatchObject({ aborted: [], open: [[3, { firstOffset: 4 }]] });
  });
});

describe('a control batch', () => {
  it.each([
    ['commit', '2000000008000000010c00000000000000'],
    ['abort', '2000000008000000000c00000000000000'],
  ] as const)('for a %s is what Apache Kafka 4.3 writes', (outcome, record) => {
    const batch = controlBatch({ producerId: 9, epoch: 3, outcome, timestamp: 5 });
    expect(isIntact(batch)).toBe(true);
    expect(readBatchHeader(batch)).toMatchObject({
      transactional: true,
      control: true,
      compression: 0,
      recordCount: 1,
      producerId: 9,
      producerEpoch: 3,
      baseSequence: -1,
      maxTimestamp: 5,
      size: batch.length,
    });
    expect(batch.subarray(61).toString('hex')).toBe(record);
  });
});
