import { describe, expect, it } from 'vitest';
import { lz4Decompress } from './lz4.js';
import { snappyDecompress } from './snappy.js';

describe('snappy', () => {
  it('unpacks literals and copies, those that overlap themselves among them', () => {
    // 'abc', then 6 bytes from 3 back.
    const packed = Buffer.from([9, 0x08, 0x61, 0x62, 0x63, ((6 - 4) << 2) | 1, 3]);
    expect(snappyDecompress(packed).toString()).toBe('abcabcabc');
  });

  it('unpacks the framing of snappy-java', () => {
    const block = Buffer.from([3, 0x08, 0x61, 0x62, 0x63]);
    const head = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    const length = Buffer.from([0, 0, 0, block.length]);
    const framed = Buffer.concat([head, length, block, length, block]);
    expect(snappyDecompress(framed).toString()).toBe('abcabc');
  });

  it.each([
    ['nothing', []],
    ['a length without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['gigabytes out of nothing', [0xff, 0xff, 0xff, 0xff, 0x0f, 0]],
    ['a literal that is cut off', [9, 0x20, 0x61]],
    ['a copy from before the beginning', [9, 0x08, 0x61, 0x62, 0x63, 9, 200]],
    ['less than announced', [9, 0x08, 0x61, 0x62, 0x63]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => snappyDecompress(Buffer.from(bytes))).toThrow(RangeError);
  });
});

describe('lz4', () => {
  const head = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0];

  it('unpacks a block, and one that was not worth packing', () => {
    const block = [0x32, 0x61, 0x62, 0x63, 3, 0, 0x00];
    const frame = [...head, block.length, 0, 0, 0, ...block, 2, 0, 0, 0x80, 0x78, 0x79, 0, 0, 0, 0];
    expect(lz4Decompress(Buffer.from(frame)).toString()).toBe('abcabcabcxy');
  });

  it.each([
    ['nothing', []],
    ['something else', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['a frame without an end', head],
    ['a block that is cut off', [...head, 9, 0, 0, 0, 0x10]],
    ['a copy from before the beginning', [...head, 5, 0, 0, 0, 0x12, 0x61, 9, 0, 0, 0, 0, 0, 0]],
    ['a block size that there is not', [0x04, 0x22, 0x4d, 0x18, 0x60, 0x10, 0, 0, 0, 0, 0]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => lz4Decompress(Buffer.from(bytes))).toThrow(RangeError);
  });
});
