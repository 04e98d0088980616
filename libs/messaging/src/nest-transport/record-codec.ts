import type { IncomingRecord } from '@rookery/kafka';
import { UnreadableRecordError } from '../messaging.errors.js';

/** How the records of a topic become data. Records without a value do not get here. */
export interface RecordCodec {
  /** For messages, for example `json`. */
  readonly name: string;
  /** Makes data of a value. What it throws sends the record to the dead letters, with its bytes. */
  decode(value: Buffer, record: IncomingRecord): unknown;
}

/** Values are JSON, whatever they are: `42` is a number. Anything else is broken. */
export const jsonCodec: RecordCodec = {
  name: 'json',
  decode(value) {
    try {
      return JSON.parse(value.toString()) as unknown;
    } catch (error) {
      throw new UnreadableRecordError('bad-json', `the value is not JSON: ${String(error)}`, error);
    }
  },
};

/** Values are text in UTF-8. Bytes that are no text are broken. */
export const textCodec: RecordCodec = {
  name: 'text',
  decode: (value) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value),
};

/** Values are bytes, as a schema registry's serializer writes them; handlers get a `Buffer`. */
export const bytesCodec: RecordCodec = { name: 'bytes', decode: (value) => value };

/**
 * Values are what Nest's Kafka transport takes them for, for topics whose writers count on it:
 * objects and arrays are JSON, what begins with a zero byte stays a `Buffer`, all else is text,
 * broken JSON too.
 */
export const nestCodec: RecordCodec = {
  name: 'nest',
  decode(value) {
    if (value[0] === 0) return value;
    const text = value.toString();
    if (!/^[{[]/.test(text)) return text;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  },
};
