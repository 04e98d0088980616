import { MalformedMessage, type WireReader } from './wire-reader.js';
import type { WireWriter } from './wire-writer.js';
import type { WireType } from './schema.js';

const NO_BYTES = Buffer.alloc(0);

export const int8: WireType<number> = {
  read: (reader) => reader.int8(),
  write: (writer, value) => writer.int8(value),
};
export const int16: WireType<number> = {
  read: (reader) => reader.int16(),
  write: (writer, value) => writer.int16(value),
};
export const int32: WireType<number> = {
  read: (reader) => reader.int32(),
  write: (writer, value) => writer.int32(value),
};
export const int64: WireType<number> = {
  read: (reader) => reader.int64(),
  write: (writer, value) => writer.int64(value),
};
export const bool: WireType<boolean> = {
  read: (reader) => reader.int8() !== 0,
  write: (writer, value) => writer.int8(value ? 1 : 0),
};

/** 16 bytes, as 32 hexadecimal digits. */
export const uuid: WireType<string> = {
  read: (reader) => reader.view(16).toString('hex'),
  write: (writer, value) => writer.bytes(Buffer.from(value, 'hex')),
};
/** The uuid that stands for none. */
export const NO_UUID = '0'.repeat(32);

/** Length of a string or of bytes; -1 is null. */
function readLength(reader: WireReader, flexible: boolean, width: 2 | 4): number {
  if (flexible) return reader.uvarint() - 1;
  return width === 2 ? reader.int16() : reader.int32();
}

function writeLength(writer: WireWriter, length: number, flexible: boolean, width: 2 | 4): void {
  if (flexible) writer.uvarint(length + 1);
  else if (width === 2) writer.int16(length);
  else writer.int32(length);
}

export const nullableString: WireType<string | null> = {
  read(reader, _version, flexible) {
    const length = readLength(reader, flexible, 2);
    return length < 0 ? null : reader.text(length);
  },
  write(writer, value, _version, flexible) {
    if (value === null) return writeLength(writer, -1, flexible, 2);
    const length = Buffer.byteLength(value);
    writeLength(writer, length, flexible, 2);
    writer.text(value, length);
  },
};

/** A string; null on the wire is refused. */
export const string: WireType<string> = {
  read: (...args) => required(nullableString.read(...args)),
  write: nullableString.write,
};

/** A view on the frame: cheap, but to be copied if kept. */
export const records: WireType<Buffer | null> = {
  read(reader, _version, flexible) {
    const length = readLength(reader, flexible, 4);
    return length < 0 ? null : reader.view(length);
  },
  write(writer, value, _version, flexible) {
    writeLength(writer, value === null ? -1 : value.length, flexible, 4);
    if (value !== null) writer.bytes(value);
  },
};

/** Bytes of their own, safe to keep. */
export const bytes: WireType<Buffer> = {
  read: (...args) => Buffer.from(records.read(...args) ?? NO_BYTES),
  write: records.write,
};

export function nullableArray<Out, In>(
  element: WireType<Out, In>,
): WireType<Out[] | null, readonly In[] | null> {
  return {
    read(reader, version, flexible) {
      const count = readLength(reader, flexible, 4);
      if (count < 0) return null;
      // Every element takes at least a byte: a forged count must not reserve memory.
      if (count > reader.remaining) throw new MalformedMessage(`array of ${count} is cut off`);
      const values: Out[] = [];
      for (let index = 0; index < count; index++) {
        values.push(element.read(reader, version, flexible));
      }
      return values;
    },
    write(writer, value, version, flexible) {
      writeLength(writer, value === null ? -1 : value.length, flexible, 4);
      if (value !== null) for (const one of value) element.write(writer, one, version, flexible);
    },
  };
}

/** An array; null on the wire is refused. */
export function array<Out, In>(element: WireType<Out, In>): WireType<Out[], readonly In[]> {
  const nullable = nullableArray(element);
  return {
    read: (...args) => required(nullable.read(...args)),
    write: nullable.write,
  };
}

function required<T>(value: T | null): T {
  if (value === null) throw new MalformedMessage('null where a value is required');
  return value;
}
