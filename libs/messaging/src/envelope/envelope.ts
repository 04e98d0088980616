import { isCorrelationId } from '@rookery/core';
import type { IncomingRecord } from '@rookery/kafka';
import { isTopicName } from '../contract/topic-name.js';
import { UnreadableRecordError } from '../messaging.errors.js';
import { HEADER } from './header-names.js';

/** The inbox keeps ids in an index, which takes no long ones, and the database no zero bytes. */
const ID = /^[^\p{Cc}]{1,512}$/u;

/** Whether a message can be remembered by it. */
export function isMessageId(id: string | undefined): id is string {
  return id !== undefined && ID.test(id);
}

/** What a record says of the message in it, besides the data. */
export interface Envelope {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly replyKey: string | undefined;
  readonly inReplyTo: string | undefined;
  /** All headers, as text. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The type of the message in a record; `undefined` when the record does not say. */
export function typeOf(record: IncomingRecord): string | undefined {
  return headerOf(record, HEADER.type);
}

/**
 * Reads the headers of a record.
 *
 * @throws UnreadableRecordError when one that is needed is missing or malformed
 */
export function readEnvelope(record: IncomingRecord): Envelope {
  const id = need(record, HEADER.id);
  if (!isMessageId(id)) throw missing(`${HEADER.id} is no text of up to 512 characters`);
  const type = need(record, HEADER.type);
  const specVersion = need(record, HEADER.specVersion);
  if (specVersion !== '1.0') {
    throw missing(`${HEADER.specVersion} is '${specVersion}', expected '1.0'`);
  }
  // Producers outside of the platform have no versions; theirs count as the first.
  const dataVersion = headerOf(record, HEADER.dataVersion) ?? '1';
  const version = Number(dataVersion);
  if (!Number.isInteger(version) || version < 1) {
    throw missing(`${HEADER.dataVersion} is '${dataVersion}', expected a number`);
  }
  const replyTo = headerOf(record, HEADER.replyTo);
  if (replyTo !== undefined && !isTopicName(replyTo)) {
    throw missing(`${HEADER.replyTo} is no name of a topic`);
  }
  return new RecordEnvelope(record, { id, type, version, replyTo });
}

/** Reads a header when somebody asks for it: most handlers ask for few. */
export class RecordEnvelope implements Envelope {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly correlationId: string;
  readonly replyTo: string | undefined;
  readonly #record: IncomingRecord;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(
    record: IncomingRecord,
    { id, type, version, replyTo }: Pick<Envelope, 'id' | 'type' | 'version' | 'replyTo'>,
  ) {
    const correlationId = headerOf(record, HEADER.correlationId);
    this.id = id;
    this.type = type;
    this.version = version;
    this.correlationId = isCorrelationId(correlationId) ? correlationId : id;
    this.replyTo = replyTo;
    this.#record = record;
  }

  get source(): string {
    return headerOf(this.#record, HEADER.source) ?? '';
  }

  get time(): number {
    const time = Date.parse(headerOf(this.#record, HEADER.time) ?? '');
    return Number.isNaN(time) ? this.#record.timestamp : time;
  }

  get causationId(): string | undefined {
    return headerOf(this.#record, HEADER.causationId);
  }

  get replyKey(): string | undefined {
    return headerOf(this.#record, HEADER.replyKey);
  }

  get inReplyTo(): string | undefined {
    return headerOf(this.#record, HEADER.inReplyTo);
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= textHeaders(this.#record);
    return this.#headers;
  }
}

/** The headers that say which trace a record belongs to. */
export function traceHeaders(record: IncomingRecord): Readonly<Record<string, string>> {
  const traceparent = headerOf(record, 'traceparent');
  // Other forms are rare, and many.
  if (traceparent === undefined) return textHeaders(record);
  const tracestate = headerOf(record, 'tracestate');
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

/** The headers of a record as text; of one that occurs more than once, the last. */
export function textHeaders(record: IncomingRecord): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    headers[name] = textOf(value);
  }
  return headers;
}

/** A header as text; of one that occurs more than once, the last. */
export function headerOf({ headers }: IncomingRecord, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : textOf(value);
}

function textOf(value: IncomingRecord['headers'][string]): string {
  return String(Array.isArray(value) ? value.at(-1) : value);
}

function need(record: IncomingRecord, name: string): string {
  const value = headerOf(record, name);
  if (value !== undefined && value !== '') return value;
  throw missing(`header ${name} is missing`);
}

function missing(detail: string): UnreadableRecordError {
  return new UnreadableRecordError('missing-headers', detail);
}
