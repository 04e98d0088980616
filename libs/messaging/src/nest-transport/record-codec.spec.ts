import type { IncomingRecord } from '@rookery/kafka';
import { describe, expect, it } from 'vitest';
import { bytesCodec, jsonCodec, nestCodec, textCodec, type RecordCodec } from './record-codec.js';

const decode = (codec: RecordCodec, value: string | Buffer): unknown =>
  codec.decode(Buffer.from(value), {} as IncomingRecord);
const schemaId = Buffer.from([0, 0, 0, 0, 7, 1]);

describe('K22: a codec', () => {
  it('json keeps types, and refuses what is no JSON', () => {
    expect(decode(jsonCodec, '42')).toBe(42);
    expect(decode(jsonCodec, '"42"')).toBe('42');
    expect(decode(jsonCodec, 'null')).toBeNull();
    expect(() => decode(jsonCodec, '{bad')).toThrow(/the value is not JSON/);
    expect(() => decode(jsonCodec, schemaId)).toThrow(/the value is not JSON/);
  });

  it('text takes any text, and refuses bytes that are none', () => {
    expect(decode(textCodec, '{bad')).toBe('{bad');
    expect(decode(textCodec, '')).toBe('');
    expect(() => decode(textCodec, Buffer.from([255]))).toThrow(TypeError);
  });

  it('bytes leaves values alone, also those that begin with a zero', () => {
    expect(decode(bytesCodec, schemaId)).toEqual(schemaId);
  });

  it("nest reads values as Nest's transport does", () => {
    expect(decode(nestCodec, '42')).toBe('42');
    expect(decode(nestCodec, '{"a":1}')).toEqual({ a: 1 });
    expect(decode(nestCodec, '[1]')).toEqual([1]);
    expect(decode(nestCodec, '{bad')).toBe('{bad');
    expect(decode(nestCodec, schemaId)).toEqual(schemaId);
    expect(decode(nestCodec, '')).toBe('');
  });
});
