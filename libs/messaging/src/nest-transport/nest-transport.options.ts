import { resolveOptions } from '@rookery/core';
import { z } from 'zod';
import type { HandlerOptions } from '../handler/handler.options.js';
import { jsonCodec, type RecordCodec } from './record-codec.js';

/** Options of {@link RookeryTransport} and {@link RookeryTransportModule}. */
export interface NestTransportOptions {
  /** Consumer group, used exactly as written. @default the service's name */
  readonly group?: string;
  /** How values become data, for topics that {@link codecs} does not name. @default `jsonCodec` */
  readonly codec?: RecordCodec;
  /** How values become data, by topic. */
  readonly codecs?: Readonly<Record<string, RecordCodec>>;
  /**
   * For handlers that say nothing else in the extras of their decorator:
   * `@EventPattern('orders', { handler: { concurrency: 10 } })`.
   */
  readonly handler?: Omit<HandlerOptions, 'consumer' | 'group'>;
}

const codec = z.custom<RecordCodec>(
  (value) => typeof (value as Partial<RecordCodec> | null)?.decode === 'function',
  'expected a codec',
);

const schema = z.strictObject({
  group: z.string().optional(),
  codec: codec.default(() => jsonCodec),
  codecs: z.record(z.string(), codec).default({}),
  // Checked, together with what a handler adds, when the handler is subscribed.
  handler: z.record(z.string(), z.unknown()).default({}),
});

/** {@link NestTransportOptions} after validation. */
export type ResolvedNestTransportOptions = Readonly<z.output<typeof schema>>;

/** Validates the options. @throws InvalidOptionError */
export function resolveNestTransportOptions(options: unknown): ResolvedNestTransportOptions {
  return resolveOptions(schema, options, 'RookeryTransport');
}
