import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../protocol/error-code.js';
import { FilePool } from '../storage/file-pool.js';
import { fileSegments } from '../storage/file-segments.js';
import { recordBatch, sequenced } from '../testing/record-batch-builder.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { PartitionLog, type LogConfig } from './partition-log.js';

const config: LogConfig = {
  maxMessageBytes: 1_000_000,
  segmentBytes: 1_000,
  segmentMs: 1_000_000,
  retentionBytes: -1,
  retentionMs: -1,
};

const setUp = () => {
  const directory = join(temporaryDirectory(), 'topic', '0');
  const clock = new VirtualClock();
  const sequences = new Map<string, number>();
  const open = (change: Partial<LogConfig> = {}): PartitionLog =>
    new PartitionLog({
      store: fileSegments(directory, new FilePool()),
      config: () => ({ ...config, ...change }),
      clock,
    });
  /** The producer's next batch, as part of a transaction. */
  const write = (log: PartitionLog, producerId: number, epoch = 0): number => {
    const key = `${producerId}:${epoch}`;
    const baseSequence = sequences.get(key) ?? 0;
    const batch = recordBatch([{ value: 'a' }, { value: 'b' }], {
      producerId,
      producerEpoch: epoch,
      baseSequence,
      attributes: 0x10,
      baseTimestamp: clock.now(),
    });
    const { baseOffset } = log.append(batch);
    sequences.set(key, baseSequence + 2);
    return baseOffset;
  };
  const end = (
    log: PartitionLog,
    producerId: number,
    outcome: 'commit' | 'abort',
    epoch = 0,
  ): void => log.endTransaction({ producerId, epoch, outcome, timestamp: clock.now() });
  return { directory, open, write, end };
};

const codeOf = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return (error as { errorCode: number }).errorCode;
  }
};

/** All that a reader of committed records learns. */
const seen = (log: PartitionLog): unknown => {
  const chunks = [];
  for (let offset = log.startOffset; offset < log.stableOffset; offset += 7) {
    const batches = log.read(offset, 300, true, log.stableOffset);
    chunks.push([offset, batches.toString('hex'), log.abortedIn(offset, batches)]);
  }
  return [log.startOffset, log.stableOffset, log.endOffset, log.openProducers(), chunks];
};

describe('PartitionLog with transactions', () => {
  it.each(['closed', 'killed'])('is the same after it was %s, over many segments', async (how) => {
    const { open, write, end } = setUp();
    const random = seededRandom(7);
    let log = open();
    const openNow = new Set<number>();
    for (let n = 0; n < 200; n++) {
      const producer = Math.floor(random() * 5);
      if (openNow.has(producer) && random() < 0.4) {
        end(log, producer, random() < 0.5 ? 'commit' : 'abort');
        openNow.delete(producer);
      } else {
        write(log, producer);
        openNow.add(producer);
      }
      if (n % 50 !== 49) continue;
      const before = seen(log);
      if (how === 'closed') await log.close();
      log = open();
      expect(seen(log)).toEqual(before);
      expect(log.openProducers()).toHaveLength(openNow.size);
    }
    for (const producer of openNow) end(log, producer, 'commit');
    expect(log.stableOffset).toBe(log.endOffset);
  });

  it('reads segments again whose summary is of before transactions were served', async () => {
    const { directory, open, write, end } = setUp();
    const log = open();
    for (let n = 0; n < 30; n++) {
      write(log, n);
      if (n % 3 > 0) end(log, n, n % 3 === 1 ? 'commit' : 'abort');
    }
    const before = seen(log);
    await log.close();
    const summaries = readdirSync(directory).filter((name) => name.endsWith('.summary'));
    expect(summaries.length).toBeGreaterThan(2);
    for (const name of summaries) {
      const path = join(directory, name);
      const { transactions, ...old } = JSON.parse(readFileSync(path, 'utf8')) as object & {
        transactions: unknown;
      };
      expect(transactions).toBeDefined();
      writeFileSync(path, JSON.stringify(old));
    }
    expect(seen(open())).toEqual(before);
  });

  it('forgets aborted transactions with the segments that held them', async () => {
    const { open, write, end } = setUp();
    const log = open({ retentionBytes: 2_000 });
    for (let n = 0; n < 50; n++) {
      write(log, n);
      end(log, n, 'abort');
    }
    expect(log.startOffset).toBeGreaterThan(50);
    const batches = log.read(log.startOffset, 1_000_000, true);
    const aborted = log.abortedIn(0, batches);
    expect(aborted.length).toBeGreaterThan(2);
    expect(Math.min(...aborted.map(({ lastOffset }) => lastOffset))).toBeGreaterThanOrEqual(
      log.startOffset,
    );
    const before = seen(log);
    await log.close();
    expect(seen(open({ retentionBytes: 2_000 }))).toEqual(before);
  });

  it('moves the last stable offset when retention drops the beginning of a transaction', () => {
    const { open, write, end } = setUp();
    const log = open({ retentionBytes: 1_000 });
    for (let n = 0; n < 30; n++) write(log, 1);
    expect(log.startOffset).toBeGreaterThan(0);
    expect(log.stableOffset).toBe(log.startOffset);
    end(log, 1, 'abort');
    expect(log.stableOffset).toBe(log.endOffset);
    const batches = log.read(log.startOffset, 100, true);
    expect(log.abortedIn(log.startOffset, batches)).toMatchObject([
      { producerId: 1, firstOffset: 0 },
    ]);
  });

  it.each([false, true])('takes no batch older than a marker, also reopened: %s', (reopened) => {
    const { open, write, end } = setUp();
    let log = open();
    write(log, 1);
    end(log, 1, 'abort', 1);
    if (reopened) log = open();
    expect(codeOf(() => write(log, 1))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    const late = recordBatch([{ value: 'a' }], {
      producerId: 1,
      producerEpoch: 1,
      baseSequence: 2,
      attributes: 0x10,
    });
    expect(codeOf(() => log.append(late))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
    expect(write(log, 1, 1)).toBe(3);
  });

  it('goes on with the sequence of the same epoch after a marker', () => {
    const { open, write, end } = setUp();
    let log = open();
    write(log, 1);
    end(log, 1, 'commit');
    log = open();
    expect(write(log, 1)).toBe(3);
    expect(log.openProducers()).toEqual([{ producerId: 1, epoch: 0 }]);
  });

  it('wakes who waits for records when a marker makes them readable', () => {
    const { open, write, end } = setUp();
    const log = open();
    write(log, 1);
    let woken = 0;
    log.onAppend(() => woken++);
    end(log, 1, 'commit');
    expect(woken).toBe(1);
  });
});

describe('PartitionLog after a kill', () => {
  it.each(['retention', 'deletion'])('knows producers of segments that %s dropped', (how) => {
    const { open } = setUp();
    const options = { retentionBytes: 2_000 };
    const before = open(options);
    for (let n = 0; n < 3; n++) before.append(sequenced(1, n, 8));
    if (how === 'deletion') before.deleteBefore(3);
    for (let n = 0; before.startOffset < 3; n++) before.append(sequenced(1, n, 9));
    const after = open(options);
    expect(codeOf(() => after.append(sequenced(1, 9, 8)))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE);
    expect(after.append(sequenced(1, 2, 8))).toEqual({ baseOffset: 2, duplicate: true });
    expect(after.append(sequenced(1, 3, 8)).duplicate).toBe(false);
  });
});
