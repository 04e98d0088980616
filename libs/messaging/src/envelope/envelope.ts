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
  const value = record.headers[HEADER.type];
  return value === undefined ? undefined : textOf(value);
}

/**
 * Reads the headers of a record.
 *
 * @throws UnreadableRecordError when one that is needed is missing or malformed
 */
export function readEnvelope(record: IncomingRecord): Envelope {
  const headers = textHeaders(record);
  const id = need(headers, HEADER.id);
  if (!isMessageId(id)) throw missing(`${HEADER.id} is no text of up to 512 characters`);
  const type = need(headers, HEADER.type);
  if (need(headers, HEADER.specVersion) !== '1.0') {
    throw missing(`${HEADER.specVersion} is '${headers[HEADER.specVersion]}', expected '1.0'`);
  }
  // Producers outside of the platform have no versions; theirs count as the first.
  const version = Number(headers[HEADER.dataVersion] ?? 1);
  if (!Number.isInteger(version) || version < 1) {
    throw missing(`${HEADER.dataVersion} is '${headers[HEADER.dataVersion]}', expected a number`);
  }
  const replyTo = headers[HEADER.replyTo];
  if (replyTo !== undefined && !isTopicName(replyTo)) {
    throw missing(`${HEADER.replyTo} is no name of a topic`);
  }
  const time = Date.parse(headers[HEADER.time] ?? '');
  const correlationId = headers[HEADER.correlationId];
  return {
    id,
    type,
    version,
    source: headers[HEADER.source] ?? '',
    time: Number.isNaN(time) ? record.timestamp : time,
    correlationId: isCorrelationId(correlationId) ? correlationId : id,
    causationId: headers[HEADER.causationId],
    replyTo,
    replyKey: headers[HEADER.replyKey],
    inReplyTo: headers[HEADER.inReplyTo],
    headers,
  };
}

/** The headers of a record as text; of one that occurs more than once, the last. */
export function textHeaders(record: IncomingRecord): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    headers[name] = textOf(value);
  }
  return headers;
}

function textOf(value: IncomingRecord['headers'][string]): string {
  return String(Array.isArray(value) ? value.at(-1) : value);
}

function need(headers: Readonly<Record<string, string>>, name: string): string {
  const value = headers[name];
  if (value !== undefined && value !== '') return value;
  throw missing(`header ${name} is missing`);
}

function missing(detail: string): UnreadableRecordError {
  return new UnreadableRecordError('missing-headers', detail);
}
