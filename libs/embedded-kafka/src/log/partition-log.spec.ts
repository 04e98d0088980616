import {
  appendFileSync,
  existsSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../protocol/error-code.js';
import { FilePool } from '../storage/file-pool.js';
import { fileSegments } from '../storage/file-segments.js';
import { memorySegments } from '../storage/memory-segments.js';
import { recordBatch, sequenced } from '../testing/record-batch-builder.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { PartitionLog, type LogConfig, type PartitionLogOptions } from './partition-log.js';
import { batchSizeAt, isIntact, readBatchHeader } from './record-batch.js';

const config: LogConfig = {
  maxMessageBytes: 1_000_000,
  segmentBytes: 1_000,
  segmentMs: 1_000_000,
  retentionBytes: -1,
  retentionMs: -1,
};

/** Base offsets of the batches in what a read returned, each complete and intact. */
function offsetsIn(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = batchSizeAt(bytes, at) as number;
    const batch = bytes.subarray(at, at + size);
    expect(batch).toHaveLength(size);
    expect(isIntact(batch)).toBe(true);
    offsets.push(readBatchHeader(batch).baseOffset);
    at += size;
  }
  return offsets;
}

function readAll(log: PartitionLog): number[] {
  const offsets: number[] = [];
  for (let at = log.startOffset; at < log.endOffset;) {
    const bytes = log.read(at, 400, true);
    offsets.push(...offsetsIn(bytes));
    at = readBatchHeader(bytes, lastStart(bytes)).lastOffset + 1;
  }
  return offsets;
}

function lastStart(bytes: Buffer): number {
  let at = 0;
  while (at + (batchSizeAt(bytes, at) as number) < bytes.length)
    at += batchSizeAt(bytes, at) as number;
  return at;
}

describe.each(['memory', 'files'])('PartitionLog in %s', (kind) => {
  const open = (options: Partial<PartitionLogOptions> = {}): PartitionLog =>
    new PartitionLog({
      store:
        kind === 'memory'
          ? memorySegments()
          : fileSegments(join(temporaryDirectory(), 'topic', '0'), new FilePool(2)),
      config: () => config,
      clock: new VirtualClock(),
      ...options,
    });

  it('is empty at first', () => {
    const log = open();
    expect([log.startOffset, log.endOffset]).toEqual([0, 0]);
    expect(log.read(0, 1_000, true)).toHaveLength(0);
    expect(log.find(0)).toBeUndefined();
    expect(log.newest()).toBeUndefined();
  });

  it('gives batches consecutive offsets and returns them whole, over many segments', () => {
    const log = open();
    for (let n = 0; n < 100; n++) {
      expect(log.append(recordBatch([{ value: `a${n}` }, { value: 'b' }]))).toEqual({
        baseOffset: n * 2,
        duplicate: false,
      });
    }
    expect(log.endOffset).toBe(200);
    expect(readAll(log)).toEqual(Array.from({ length: 100 }, (_, n) => n * 2));
    // From the middle of a batch the whole batch comes.
    expect(offsetsIn(log.read(101, 1, true))).toEqual([100]);
  });

  it('keeps to the byte limit, but for a first batch that must be returned', () => {
    const log = open();
    for (let n = 0; n < 5; n++) log.append(recordBatch([{ value: 'x'.repeat(100) }]));
    const size = log.read(0, 1, true).length;
    expect(log.read(0, 1, false)).toHaveLength(0);
    expect(log.read(0, 0, false)).toHaveLength(0);
    expect(offsetsIn(log.read(0, size * 2 + 10, true))).toEqual([0, 1]);
    expect(offsetsIn(log.read(0, size * 3, false))).toEqual([0, 1, 2]);
  });

  it('finds batches behind more than one index entry', () => {
    const log = open({ config: () => ({ ...config, segmentBytes: 10_000_000 }) });
    for (let n = 0; n < 500; n++) log.append(recordBatch([{ value: 'x'.repeat(50) }]));
    for (const offset of [0, 1, 37, 38, 250, 498, 499]) {
      expect(offsetsIn(log.read(offset, 1, true))).toEqual([offset]);
    }
    log.append(recordBatch([{ value: 'y'.repeat(1_500_000 - 1_000_000) }]));
    expect(offsetsIn(log.read(500, 1, true))).toEqual([500]);
  });

  it.each([-1, 3, 100])('refuses to read at %i', (offset) => {
    const log = open();
    log.append(recordBatch([{ value: 'a' }, { value: 'b' }]));
    expect(() => log.read(offset, 100, true)).toThrow(
      expect.objectContaining({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }),
    );
  });

  it('answers a repeated batch with its first offset and stores it once', () => {
    const log = open();
    log.append(sequenced(3, 0));
    log.append(sequenced(2, 3));
    expect(log.append(sequenced(3, 0))).toEqual({ baseOffset: 0, duplicate: true });
    expect(log.append(sequenced(2, 3))).toEqual({ baseOffset: 3, duplicate: true });
    expect(log.endOffset).toBe(5);
    expect(() => log.append(sequenced(1, 7))).toThrow(
      expect.objectContaining({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE }),
    );
  });

  it.each([false, true])('finds records by time, exactly (gzip: %s)', (gzip) => {
    const log = open();
    log.append(
      recordBatch([{ value: 'a' }, { value: 'b', after: 10 }], { baseTimestamp: 100, gzip }),
    );
    log.append(
      recordBatch([{ value: 'c' }, { value: 'd', after: 10 }], { baseTimestamp: 200, gzip }),
    );
    expect(log.find(0)).toEqual({ offset: 0, timestamp: 100 });
    expect(log.find(101)).toEqual({ offset: 1, timestamp: 110 });
    expect(log.find(111)).toEqual({ offset: 2, timestamp: 200 });
    expect(log.find(210)).toEqual({ offset: 3, timestamp: 210 });
    expect(log.find(211)).toBeUndefined();
    expect(log.newest()).toEqual({ offset: 3, timestamp: 210 });
  });

  it('answers with the batch where it cannot look into it', () => {
    const log = open();
    const lz4 = 3;
    log.append(recordBatch([{ value: 'a' }, { value: 'b', after: 10 }], { attributes: lz4 }));
    log.append(recordBatch([{ value: 'a' }, { value: 'b', after: 10 }], { attributes: 1 }));
    expect(log.find(1_005)).toEqual({ offset: 0, timestamp: 1_000 });
    log.deleteBefore(2);
    expect(log.find(1_005)).toEqual({ offset: 2, timestamp: 1_000 });
  });

  it('drops the oldest segments beyond retention.bytes', () => {
    const log = open({ config: () => ({ ...config, retentionBytes: 2_000 }) });
    for (let n = 0; n < 100; n++) log.append(recordBatch([{ value: 'x'.repeat(30) }]));
    expect(log.size).toBeGreaterThanOrEqual(2_000);
    expect(log.size).toBeLessThanOrEqual(2_000 + 1_000);
    expect(log.startOffset).toBeGreaterThan(0);
    expect(readAll(log)[0]).toBe(log.startOffset);
    expect(log.endOffset).toBe(100);
  });

  it('drops segments older than retention.ms with the next append, and never the last', async () => {
    const clock = new VirtualClock();
    const log = open({ clock, config: () => ({ ...config, retentionMs: 1_000, segmentMs: 500 }) });
    log.append(recordBatch([{ value: 'a' }], { baseTimestamp: clock.now() }));
    await clock.advance(600);
    log.append(recordBatch([{ value: 'b' }], { baseTimestamp: clock.now() }));
    expect(log.startOffset).toBe(0);
    await clock.advance(600);
    log.append(recordBatch([{ value: 'c' }], { baseTimestamp: clock.now() }));
    expect(log.startOffset).toBe(1);
    await clock.advance(1_000_000);
    log.enforceRetention();
    expect([log.startOffset, log.endOffset]).toEqual([2, 3]);
  });

  it('deletes records up to an offset, to the end included', () => {
    const log = open();
    for (let n = 0; n < 50; n++) log.append(recordBatch([{ value: 'x'.repeat(30) }]));
    log.deleteBefore(25);
    expect(log.startOffset).toBe(25);
    expect(() => log.read(24, 100, true)).toThrow('outside');
    expect(offsetsIn(log.read(25, 1, true))).toEqual([25]);
    log.deleteBefore(50);
    expect([log.startOffset, log.endOffset, log.size]).toEqual([50, 50, 0]);
    expect(log.append(recordBatch([{ value: 'on' }])).baseOffset).toBe(50);
  });

  it('is unchanged by a write that fails', () => {
    const store = memorySegments();
    let full = false;
    const log = open({
      store: {
        ...store,
        open(baseOffset) {
          const bytes = store.open(baseOffset);
          const append = bytes.append.bind(bytes);
          bytes.append = (batch) => {
            if (full) throw new Error('ENOSPC');
            append(batch);
          };
          return bytes;
        },
      },
    });
    log.append(sequenced(2, 0));
    full = true;
    expect(() => log.append(sequenced(2, 2))).toThrow('ENOSPC');
    full = false;
    expect(log.endOffset).toBe(2);
    expect(log.append(sequenced(2, 2))).toEqual({ baseOffset: 2, duplicate: false });
    expect(readAll(log)).toEqual([0, 2]);
  });

  it('wakes who waits for appends, until told not to', () => {
    const log = open();
    let woken = 0;
    const end = log.onAppend(() => woken++);
    log.append(recordBatch([{ value: 'a' }]));
    end();
    log.append(recordBatch([{ value: 'a' }]));
    expect(woken).toBe(1);
  });
});

describe('PartitionLog on disk', () => {
  const setUp = () => {
    const directory = join(temporaryDirectory(), 'topic', '0');
    const lines: string[] = [];
    const files = new FilePool();
    const open = (options: Partial<PartitionLogOptions> = {}): PartitionLog =>
      new PartitionLog({
        store: fileSegments(directory, files),
        config: () => config,
        clock: new VirtualClock(),
        log: (line) => lines.push(line),
        ...options,
      });
    const logs = (): string[] =>
      readdirSync(directory)
        .filter((name) => name.endsWith('.log'))
        .sort();
    const active = (): string => join(directory, logs().at(-1) as string);
    return { directory, lines, open, active, logs, files };
  };

  it('makes no directory before the first record', () => {
    const { directory, open } = setUp();
    const log = open();
    expect(existsSync(directory)).toBe(false);
    log.append(recordBatch([{ value: 'a' }]));
    expect(statSync(directory).mode & 0o077).toBe(0);
  });

  it.each(['closed', 'killed'])('is the same after it was %s', async (how) => {
    const { open } = setUp();
    const before = open();
    for (let n = 0; n < 40; n++) before.append(sequenced(2, n * 2));
    const offsets = readAll(before);
    if (how === 'closed') await before.close();
    const after = open();
    expect([after.startOffset, after.endOffset]).toEqual([0, 80]);
    expect(readAll(after)).toEqual(offsets);
    expect(after.find(1_000)).toEqual({ offset: 0, timestamp: 1_000 });
    for (let n = 35; n < 40; n++) {
      expect(after.append(sequenced(2, n * 2))).toEqual({ baseOffset: n * 2, duplicate: true });
    }
    expect(after.append(sequenced(1, 80)).baseOffset).toBe(80);
  });

  it.each([1, 11, 12, 60, 61, 80])('cuts off a tail of which %i bytes were written', (bytes) => {
    const { open, active, lines } = setUp();
    const before = open();
    for (let n = 0; n < 5; n++) before.append(sequenced(1, n));
    const next = sequenced(1, 5);
    next.writeBigInt64BE(5n, 0);
    appendFileSync(active(), next.subarray(0, Math.min(bytes, next.length - 1)));
    const after = open();
    expect(after.endOffset).toBe(5);
    expect(readAll(after)).toEqual([0, 1, 2, 3, 4]);
    expect(lines.join()).toContain('cut');
    expect(after.append(sequenced(1, 5)).baseOffset).toBe(5);
    expect(readAll(open())).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('cuts off a tail whose bytes are wrong', () => {
    const { open, active } = setUp();
    const before = open();
    for (let n = 0; n < 5; n++) before.append(sequenced(1, n));
    const garbage = sequenced(1, 5);
    garbage.writeBigInt64BE(5n, 0);
    garbage[65] = (garbage[65] as number) ^ 0xff;
    appendFileSync(active(), garbage);
    expect(open().endOffset).toBe(5);
    appendFileSync(active(), Buffer.alloc(4_096));
    expect(open().endOffset).toBe(5);
  });

  it('reads no closed segment again whose summary fits, and every other', () => {
    const { open, directory, logs } = setUp();
    const before = open();
    for (let n = 0; n < 40; n++) before.append(sequenced(2, n * 2));
    const [first] = logs() as [string];
    const summary = join(directory, first.replace('.log', '.summary'));
    expect(existsSync(summary)).toBe(true);
    writeFileSync(summary, '{"size":');
    expect(readAll(open())).toEqual(readAll(before));
  });

  it('trusts no summary once a file is shorter', () => {
    const { open, active } = setUp();
    const before = open();
    for (let n = 0; n < 5; n++) before.append(sequenced(1, n));
    return before.close().then(() => {
      truncateSync(active(), statSync(active()).size - 1);
      expect(open().endOffset).toBe(4);
    });
  });

  it.each([1, 60])('trusts no summary either when %i batches follow the cut', async (count) => {
    const { open, active } = setUp();
    const options = { config: () => ({ ...config, segmentBytes: 1_000_000 }) };
    const before = open(options);
    for (let n = 0; n < 5; n++) before.append(sequenced(1, n));
    await before.close();
    truncateSync(active(), statSync(active()).size - 1);
    const cut = open(options);
    expect(cut.append(sequenced(2, 4)).baseOffset).toBe(4);
    for (let n = 6; n < 6 + count; n++) expect(cut.append(sequenced(1, n)).baseOffset).toBe(n);
    const after = open(options);
    expect(after.endOffset).toBe(6 + count);
    expect(readAll(after)).toEqual(readAll(cut));
  });

  it('reads what came after a summary, and cuts off its tail', async () => {
    const { open, active } = setUp();
    const options = { config: () => ({ ...config, segmentBytes: 1_000_000 }) };
    const before = open(options);
    for (let n = 0; n < 5; n++) before.append(sequenced(1, n));
    await before.close();
    const again = open(options);
    for (let n = 5; n < 60; n++) again.append(sequenced(1, n));
    appendFileSync(active(), sequenced(1, 60).subarray(0, 30));
    const after = open(options);
    expect(readAll(after)).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(after.append(sequenced(1, 59))).toEqual({ baseOffset: 59, duplicate: true });
    expect(offsetsIn(after.read(59, 1, true))).toEqual([59]);
  });

  it('goes on where it ended when all records were deleted', async () => {
    const { open } = setUp();
    const before = open();
    for (let n = 0; n < 20; n++) before.append(recordBatch([{ value: 'a' }]));
    before.deleteBefore(20);
    await before.close();
    const after = open({ startOffset: 20 });
    expect([after.startOffset, after.endOffset]).toEqual([20, 20]);
    expect(after.append(recordBatch([{ value: 'a' }])).baseOffset).toBe(20);
  });

  it('removes files that retention drops, and all with the log', () => {
    const { open, directory, logs } = setUp();
    const log = open({ config: () => ({ ...config, retentionBytes: 1_500 }) });
    for (let n = 0; n < 100; n++) log.append(recordBatch([{ value: 'x'.repeat(30) }]));
    expect(logs().length).toBeLessThanOrEqual(3);
    log.remove();
    expect(existsSync(directory)).toBe(false);
  });

  it('is durable when asked to be, also across a roll', async () => {
    const { open } = setUp();
    const log = open({ fsync: true });
    const done = Array.from({ length: 30 }, (_, n) => {
      log.append(sequenced(2, n * 2));
      return log.durable();
    });
    await Promise.all(done);
    expect(open().endOffset).toBe(60);
  });
});
