import { describe, expect, it } from 'vitest';
import { MalformedMessage } from '../wire/wire-reader.js';
import { FrameReader } from './frame-reader.js';

const frame = (text: string): Buffer => {
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeInt32BE(text.length);
  bytes.write(text, 4);
  return bytes;
};

describe('FrameReader', () => {
  const stream = Buffer.concat([frame('one'), frame(''), frame('three three three'), frame('4')]);

  it.each([1, 2, 3, 5, 7, 1_000])('finds the frames in chunks of %i bytes', (size) => {
    const reader = new FrameReader(100);
    const found: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      found.push(...reader.push(stream.subarray(at, at + size)).map(String));
    }
    expect(found).toEqual(['one', '', 'three three three', '4']);
  });

  it.each([101, -1])('refuses an announced length of %i before it arrives', (length) => {
    const announced = Buffer.alloc(4);
    announced.writeInt32BE(length);
    expect(() => new FrameReader(100).push(announced)).toThrow(MalformedMessage);
  });
});
