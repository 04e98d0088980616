import type { IncomingRecord, OutgoingRecord } from '@rookery/kafka';
import { DEAD_LETTER_HEADER as HEADER, deadLetterTopic } from '../envelope/header-names.js';
import { codeOf, errorText } from './error-facts.js';

/** Why, where and by whom a record was given up. */
export interface DeadLetterCause {
  readonly reason: string;
  readonly error: unknown;
  readonly attempts: number;
  readonly group: string;
  readonly consumer: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What brokers take by default is 1,048,588 bytes, with the frame of the batch. */
const MAX_BYTES = 1_040_000;
const HEADER_FRAME = 10;

/**
 * The record for the dead letter topic: the original bytes, key and headers, and the cause. A value
 * so large that with them no broker would take it is left out; it is kept with the failed messages.
 */
export function deadLetter(record: IncomingRecord, cause: DeadLetterCause): OutgoingRecord {
  const { reason, error, attempts, group, consumer, now } = cause;
  const code = codeOf(error);
  const letter = {
    topic: deadLetterTopic(record.topic),
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      [HEADER.reason]: reason,
      [HEADER.error]: errorText(error) ?? '',
      ...(code === null ? {} : { [HEADER.code]: code }),
      [HEADER.attempts]: String(attempts),
      [HEADER.topic]: record.topic,
      [HEADER.partition]: String(record.partition),
      [HEADER.offset]: String(record.offset),
      [HEADER.timestamp]: String(record.timestamp),
      [HEADER.group]: group,
      [HEADER.consumer]: consumer,
      [HEADER.time]: new Date(now).toISOString(),
    },
  };
  if (bytesOf(letter) <= MAX_BYTES) return letter;
  const omitted = { [HEADER.omitted]: String(record.value?.length ?? 0) };
  return { ...letter, value: '', headers: { ...letter.headers, ...omitted } };
}

function bytesOf({
  key,
  value,
  headers,
}: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>): number {
  let sum = Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? '');
  for (const [name, values] of Object.entries(headers ?? {})) {
    for (const one of Array.isArray(values) ? (values as (Buffer | string)[]) : [values]) {
      sum += Buffer.byteLength(name) + Buffer.byteLength(one as Buffer | string) + HEADER_FRAME;
    }
  }
  return sum;
}
