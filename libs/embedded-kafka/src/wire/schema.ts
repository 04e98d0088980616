import { MalformedMessage, type WireReader } from './wire-reader.js';
import type { WireWriter } from './wire-writer.js';

/**
 * How one type is written in each version of a message. Flexible versions (KIP-482) use compact
 * lengths and end every struct with tagged fields; a type knows both forms.
 */
export interface WireType<Out, In = Out> {
  read(reader: WireReader, version: number, flexible: boolean): Out;
  write(writer: WireWriter, value: In, version: number, flexible: boolean): void;
}

/** A field that exists only in some versions, or whose value may be left out when writing. */
export interface OptionalField<Out, In = Out> {
  readonly type: WireType<Out, In>;
  readonly from: number;
  readonly to: number;
  /** The value in versions without the field, and when a writer leaves it out. */
  readonly absent: Out & In;
  /** Number of a tagged field; untagged when undefined. */
  readonly tag?: number;
}

type FieldSpec = WireType<any, any> | OptionalField<any, any>;
type Fields = Readonly<Record<string, FieldSpec>>;
type OptionalKeys<F> = {
  [K in keyof F]: F[K] extends OptionalField<any, any> ? K : never;
}[keyof F];
type OutOf<S> =
  S extends OptionalField<infer Out, any> ? Out : S extends WireType<infer Out, any> ? Out : never;
type InOf<S> =
  S extends OptionalField<any, infer In> ? In : S extends WireType<any, infer In> ? In : never;

/** What reading a struct yields: every field, absent ones with their default. */
export type Decoded<F extends Fields> = { [K in keyof F]: OutOf<F[K]> };
/** What writing a struct takes: optional fields may be left out. */
export type Encodable<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: InOf<F[K]>;
} & { [K in OptionalKeys<F>]?: InOf<F[K]> | undefined };

/** The value read by a type. */
export type Read<T> = T extends WireType<infer Out, any> ? Out : never;
/** The value written by a type. */
export type Write<T> = T extends WireType<any, infer In> ? In : never;

/** A field that appears with version `from`. */
export function since<Out, In = Out>(
  from: number,
  type: WireType<Out, In>,
  absent: Out & In,
): OptionalField<Out, In> {
  return { type, from, to: Infinity, absent };
}

/** A field of the versions `from` to `to`, both included. */
export function between<Out, In = Out>(
  from: number,
  to: number,
  type: WireType<Out, In>,
  absent: Out & In,
): OptionalField<Out, In> {
  return { type, from, to, absent };
}

/** A tagged field: sent only when it differs from `absent`. */
export function tagged<Out, In = Out>(
  tag: number,
  from: number,
  type: WireType<Out, In>,
  absent: Out & In,
): OptionalField<Out, In> {
  return { type, from, to: Infinity, absent, tag };
}

interface Field extends OptionalField<any, any> {
  readonly name: string;
  readonly optional: boolean;
}

/** Fields in the order of the wire. */
export function struct<F extends Fields>(fields: F): WireType<Decoded<F>, Encodable<F>> {
  const all = Object.entries(fields).map(([name, spec]): Field =>
    'type' in spec
      ? { ...spec, name, optional: true }
      : { type: spec, name, from: 0, to: Infinity, absent: undefined, optional: false },
  );
  const plain = all.filter(({ tag }) => tag === undefined);
  const withTag = all.filter(({ tag }) => tag !== undefined);
  return {
    read(reader, version, flexible) {
      const value: Record<string, unknown> = {};
      for (const { name, type, from, to, absent } of plain) {
        const present = version >= from && version <= to;
        value[name] = present ? type.read(reader, version, flexible) : absent;
      }
      for (const { name, absent } of withTag) value[name] = absent;
      if (flexible) readTagged(reader, version, withTag, value);
      return value as Decoded<F>;
    },
    write(writer, value, version, flexible) {
      const given = value as Record<string, unknown>;
      for (const { name, type, from, to, absent } of plain) {
        if (version < from || version > to) continue;
        const field = given[name];
        type.write(writer, field === undefined ? absent : field, version, flexible);
      }
      if (flexible) writeTagged(writer, version, withTag, given);
    },
  };
}

function readTagged(
  reader: WireReader,
  version: number,
  fields: readonly Field[],
  value: Record<string, unknown>,
): void {
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const field = fields.find((one) => one.tag === tag && version >= one.from);
    const end = reader.remaining - size;
    if (field === undefined) reader.view(size);
    else value[field.name] = field.type.read(reader, version, true);
    if (reader.remaining !== end) throw new MalformedMessage(`tagged field ${tag}: wrong size`);
  }
}

function writeTagged(
  writer: WireWriter,
  version: number,
  fields: readonly Field[],
  given: Record<string, unknown>,
): void {
  const present = fields.filter(
    ({ name, from, absent }) =>
      version >= from && given[name] !== undefined && given[name] !== absent,
  );
  writer.uvarint(present.length);
  for (const { name, tag, type } of present) {
    const body = writer.fork();
    type.write(body, given[name], version, true);
    writer.uvarint(tag as number);
    writer.uvarint(body.length);
    for (const chunk of body.finish()) writer.bytes(chunk);
  }
}
