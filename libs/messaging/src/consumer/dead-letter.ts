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

/** The record for the dead letter topic: the original bytes, key and headers, and the cause. */
export function deadLetter(record: IncomingRecord, cause: DeadLetterCause): OutgoingRecord {
  const { reason, error, attempts, group, consumer, now } = cause;
  const code = codeOf(error);
  return {
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
}
