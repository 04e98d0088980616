import { isSecretKey, redact, REDACTED } from '@rookery/observability';
import type { RecordHeaders } from '@rookery/kafka';
import type { FailureRow, FailureStatus } from '../parking/failure-rows.js';
import type { MessageAction } from './message-actions.js';

/** A failed message in a list. Times are milliseconds since the epoch. */
export interface FailedMessage {
  readonly id: string;
  readonly status: FailureStatus;
  readonly consumer: string;
  readonly group: string;
  readonly messageId: string;
  readonly type?: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** As text; bytes that are none are replaced. */
  readonly key?: string;
  readonly reason: string;
  readonly code?: string;
  readonly error?: string;
  readonly attempts: number;
  readonly failedAt: number;
  /** When it is tried again by itself. */
  readonly nextAt?: number;
  readonly endedAt?: number;
  readonly edited: boolean;
  /** Name it when you change the message: it must not have been changed meanwhile. */
  readonly revision: number;
}

/** A failed message with its content, without secrets. */
export interface FailedMessageDetails extends FailedMessage {
  readonly payload: Payload;
  readonly headers: Readonly<Record<string, string>>;
  /** What an operator has put in place of the content. */
  readonly editedPayload?: Payload;
  readonly editedHeaders?: Readonly<Record<string, string>>;
  readonly actions: readonly MessageAction[];
}

/** The value of a record: JSON, or bytes that are none; nothing for the end of a key. */
export type Payload =
  { readonly json: unknown } | { readonly base64: string; readonly bytes: number } | null;

const MAX_BASE64_BYTES = 65_536;
const KEY_LENGTH = 500;

/** A row as operators see it in a list. */
export function summaryOf(row: FailureRow): FailedMessage {
  const { type, key, code, error, nextAt, endedAt } = row;
  return {
    id: row.id,
    status: row.status,
    consumer: row.consumer,
    group: row.group,
    messageId: row.messageId,
    ...(type === undefined ? {} : { type }),
    topic: row.topic,
    partition: row.partition,
    offset: row.offset,
    ...(key === null ? {} : { key: key.toString().slice(0, KEY_LENGTH) }),
    reason: row.reason,
    ...(code === undefined ? {} : { code }),
    ...(error === undefined ? {} : { error }),
    attempts: row.attempts,
    failedAt: row.failedAt,
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    edited: row.editedHeaders !== undefined,
    revision: row.revision,
  };
}

/** A row with its content as operators see it. */
export function detailsOf(
  row: FailureRow,
  actions: readonly MessageAction[],
): FailedMessageDetails {
  const { editedValue, editedHeaders } = row;
  return {
    ...summaryOf(row),
    payload: payloadOf(row.value),
    headers: shownHeaders(row.headers),
    ...(editedValue === undefined ? {} : { editedPayload: payloadOf(editedValue) }),
    ...(editedHeaders === undefined ? {} : { editedHeaders: shownHeaders(editedHeaders) }),
    actions,
  };
}

/** The JSON in a value; `undefined` when there is none. */
export function jsonOf(value: Buffer | null): unknown {
  if (value === null) return undefined;
  try {
    return JSON.parse(value.toString()) as unknown;
  } catch {
    return undefined;
  }
}

function payloadOf(value: Buffer | null): Payload {
  if (value === null) return null;
  const json = jsonOf(value);
  if (json !== undefined) return { json: redact(json) };
  return {
    base64: value.subarray(0, MAX_BASE64_BYTES).toString('base64'),
    bytes: value.length,
  };
}

function shownHeaders(headers: RecordHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      isSecretKey(name) ? REDACTED : String(Array.isArray(value) ? value.at(-1) : value),
    ]),
  );
}
