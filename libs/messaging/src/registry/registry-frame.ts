import type { IncomingRecord } from '@rookery/kafka';

/** Where newer clients of Confluent's registry put the id of the value's schema. */
export const VALUE_SCHEMA_ID = '__value_schema_id';

const MAGIC = 0;
const FRAME_BYTES = 5;

/**
 * The JSON of a value, without the frame that serializers of a schema registry put before it: a zero
 * byte and the schema's id in four. No JSON begins with a zero byte. With the id in a header the value
 * is the JSON alone.
 */
export function unframed(value: Buffer): Buffer {
  return value.length > FRAME_BYTES && value[0] === MAGIC ? value.subarray(FRAME_BYTES) : value;
}

/**
 * The id of the schema that a record names, in either of the forms that serializers write:
 * `undefined` when it names none. Ids that are no numbers, as the newest clients may write them, are
 * given as their text.
 */
export function schemaIdOf({
  headers,
  value,
}: Pick<IncomingRecord, 'headers' | 'value'>): number | string | undefined {
  const header = [headers[VALUE_SCHEMA_ID]].flat().at(-1);
  if (header !== undefined) return idInHeader(Buffer.from(header));
  return value !== null && value.length > FRAME_BYTES && value[0] === MAGIC
    ? value.readUInt32BE(1)
    : undefined;
}

/** As in the frame after magic byte 0; after magic byte 1 it is a UUID. */
function idInHeader(bytes: Buffer): number | string {
  if (bytes[0] === MAGIC && bytes.length === FRAME_BYTES) return bytes.readUInt32BE(1);
  if (bytes[0] === 1 && bytes.length === 17) {
    const hex = bytes.subarray(1).toString('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
  return bytes.toString();
}
