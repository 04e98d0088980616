import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.js';
import {
  array,
  bool,
  bytes,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableString,
  records,
  string,
  uuid,
} from './primitives.js';
import { between, since, struct, tagged, type WireType } from './schema.js';
import { MalformedMessage, WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

function written<In>(
  type: WireType<unknown, In>,
  value: In,
  version = 0,
  flexible = false,
): Buffer {
  const writer = new WireWriter();
  type.write(writer, value, version, flexible);
  const bytesWritten = Buffer.concat(writer.finish());
  expect(writer.length).toBe(bytesWritten.length);
  return bytesWritten;
}

function readBack<T>(type: WireType<T, any>, from: Buffer, version = 0, flexible = false): T {
  const reader = new WireReader(from);
  const value = type.read(reader, version, flexible);
  expect(reader.remaining).toBe(0);
  return value;
}

describe('crc32c', () => {
  it.each([
    ['123456789', 0xe3069283],
    ['', 0],
    ['a', 0xc1d04330],
    ['a'.repeat(16), undefined],
  ])('of %j', (text, expected) => {
    const bitwise = (data: Buffer): number => {
      let crc = -1;
      for (const byte of data) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
      }
      return ~crc >>> 0;
    };
    expect(crc32c(Buffer.from(text))).toBe(expected ?? bitwise(Buffer.from(text)));
  });

  it('of 32 zero and 32 one bytes, as RFC 3720 appendix B.4 lists them', () => {
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  });
});

describe('primitives', () => {
  it.each([
    ['int8', int8, -2, 'fe'],
    ['int16', int16, 258, '0102'],
    ['int32', int32, -1, 'ffffffff'],
    ['int64', int64, 4_294_967_298, '0000000100000002'],
    ['int64 below zero', int64, -2, 'fffffffffffffffe'],
    ['int64 at the edge of exactness', int64, Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
    ['bool', bool, true, '01'],
    ['string', string, 'hé', '000368c3a9'],
    ['null string', nullableString, null, 'ffff'],
    ['uuid', uuid, '0123456789abcdef0123456789abcdef', '0123456789abcdef0123456789abcdef'],
    ['null records', records, null, 'ffffffff'],
    ['array', array(int8), [1, 2], '000000020102'],
    ['null array', nullableArray(int8), null, 'ffffffff'],
  ] as [string, WireType<unknown, any>, unknown, string][])('%s', (_name, type, value, hex) => {
    expect(written(type, value).toString('hex')).toBe(hex);
    expect(readBack(type, Buffer.from(hex, 'hex'))).toEqual(value);
  });

  it.each([
    ['string', string, 'ab', '036162'],
    ['null string', nullableString, null, '00'],
    ['empty string', string, '', '01'],
    ['array', array(int8), [1, 2], '030102'],
    ['null array', nullableArray(int8), null, '00'],
    ['long string', string, 'x'.repeat(300), `ad02${'78'.repeat(300)}`],
  ] as [string, WireType<unknown, any>, unknown, string][])(
    'compact %s',
    (_name, type, value, hex) => {
      expect(written(type, value, 0, true).toString('hex')).toBe(hex);
      expect(readBack(type, Buffer.from(hex, 'hex'), 0, true)).toEqual(value);
    },
  );

  it('copies bytes that are kept and passes records as a view', () => {
    const frame = Buffer.from('0000000261620000000263640000', 'hex');
    const reader = new WireReader(frame);
    const kept = bytes.read(reader, 0, false);
    const view = records.read(reader, 0, false);
    frame.fill(0);
    expect(kept.toString()).toBe('ab');
    expect(view).toEqual(Buffer.from([0, 0]));
  });

  it.each([
    ['a string cut off', string, '00056162'],
    ['null for a required string', string, 'ffff'],
    ['an array longer than the message', array(int64), '7fffffff00'],
    ['null for a required array', array(int8), 'ffffffff'],
    ['nothing', int32, '00'],
  ] as [string, WireType<unknown, any>, string][])('refuses %s', (_name, type, hex) => {
    expect(() => type.read(new WireReader(Buffer.from(hex, 'hex')), 0, false)).toThrow(
      MalformedMessage,
    );
  });

  it('refuses a varint without end', () => {
    expect(() => new WireReader(Buffer.alloc(9, 0xff)).uvarint()).toThrow(MalformedMessage);
  });
});

describe('struct', () => {
  const message = struct({
    id: int32,
    name: since(1, nullableString, null),
    old: between(0, 1, int8, 9),
    extra: tagged(0, 2, string, ''),
    more: tagged(3, 2, int16, -1),
  });

  it('writes and reads only the fields of a version', () => {
    expect(written(message, { id: 1, old: 2 }).toString('hex')).toBe('0000000102');
    expect(written(message, { id: 1, name: 'a', old: 2 }, 1).toString('hex')).toBe(
      '0000000100016102',
    );
    expect(readBack(message, Buffer.from('0000000102', 'hex'))).toEqual({
      id: 1,
      name: null,
      old: 2,
      extra: '',
      more: -1,
    });
  });

  it('leaves out tagged fields that have their default', () => {
    expect(written(message, { id: 1, name: null, more: -1 }, 2, true).toString('hex')).toBe(
      '000000010000',
    );
  });

  it('writes tagged fields with tag and size, and skips unknown ones', () => {
    const hex = '0000000100' + '02' + '00' + '03' + '036869' + '03020007';
    expect(
      written(message, { id: 1, name: null, extra: 'hi', more: 7 }, 2, true).toString('hex'),
    ).toBe(hex);
    const withUnknown = '0000000100' + '03' + '0003036869' + '0102abcd' + '03020007';
    expect(readBack(message, Buffer.from(withUnknown, 'hex'), 2, true)).toMatchObject({
      extra: 'hi',
      more: 7,
    });
  });

  it('refuses a tagged field whose size is wrong', () => {
    const wrong = Buffer.from('0000000100' + '01' + '0004' + '036869ff', 'hex');
    expect(() => message.read(new WireReader(wrong), 2, true)).toThrow('wrong size');
  });

  it('keeps long byte fields by reference and in order', () => {
    const long = Buffer.alloc(10_000, 7);
    const writer = new WireWriter();
    writer.int8(1);
    writer.bytes(long);
    writer.int8(2);
    const chunks = writer.finish();
    expect(chunks[1]).toBe(long);
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat([Buffer.of(1), long, Buffer.of(2)]));
  });

  it('grows over many small fields', () => {
    const numbers = array(int32);
    const values = Array.from({ length: 50_000 }, (_, n) => n);
    expect(readBack(numbers, written(numbers, values))).toEqual(values);
  });
});
