import type { IncomingRecord, RecordHeaders } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import { recordHeaders, storedHeaders, type StoredHeaders } from '../outbox/outbox-row.js';

/** What a row of a failed message may be. */
export type FailureStatus = 'parked' | 'dead' | 'replayed' | 'discarded';

/** A row of a failed message. Times are milliseconds since the epoch. */
export interface FailureRow {
  readonly id: string;
  readonly status: FailureStatus;
  readonly consumer: string;
  readonly group: string;
  readonly messageId: string;
  readonly type: string | undefined;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly recordedAt: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
  /** What an operator has put in place of the value, if one has. */
  readonly editedValue: Buffer | undefined;
  readonly editedHeaders: RecordHeaders | undefined;
  readonly reason: string;
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly attempts: number;
  /** Tries since it failed. */
  readonly replays: number;
  readonly failedAt: number;
  readonly nextAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly revision: number;
}

/** Which failed messages; all conditions must hold. */
export interface FailureFilter {
  readonly consumer?: string | undefined;
  readonly status?: FailureStatus | undefined;
  readonly type?: string | undefined;
  readonly topic?: string | undefined;
  /** The key as text. */
  readonly key?: string | undefined;
  readonly reason?: string | undefined;
  readonly code?: string | undefined;
  /** Failed longer ago than this, in milliseconds. */
  readonly olderThan?: number | undefined;
  /** Failed not longer ago than this, in milliseconds. */
  readonly newerThan?: number | undefined;
}

interface Raw {
  readonly id: string | number;
  readonly status: FailureStatus;
  readonly consumer: string;
  readonly consumer_group: string;
  readonly message_id: string;
  readonly type: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string | number;
  readonly record_time: Date;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: StoredHeaders;
  readonly edited_value: Buffer | null;
  readonly edited_headers: StoredHeaders | null;
  readonly reason: string;
  readonly code: string | null;
  readonly error: string | null;
  readonly attempts: number;
  readonly replays: number;
  readonly failed_at: Date;
  readonly next_at: Date | null;
  readonly ended_at: Date | null;
  readonly revision: number;
}

/** Finds and edits rows of failed messages. */
export class FailureRows {
  constructor(private readonly host: TransactionHost) {}

  async find(id: string): Promise<FailureRow | undefined> {
    const { rows } = await this.host.query<Raw>(
      'select * from rookery_failed_messages where id = $1',
      [id],
    );
    return rows[0] && toRow(rows[0]);
  }

  /** Locks an open row until the transaction ends; false when it was changed or ended meanwhile. */
  async lock(id: string, revision: number): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `select id from rookery_failed_messages
        where id = $1 and revision = $2 and status in ('parked', 'dead') for update`,
      [id, revision],
    );
    return rowCount === 1;
  }

  /** Rows by filter, newest first, below the id `before`. */
  async search(filter: FailureFilter, limit: number, before?: string): Promise<FailureRow[]> {
    const { sql, params } = where(filter);
    const { rows } = await this.host.query<Raw>(
      `select * from rookery_failed_messages
        where ${sql} and ($${params.length + 1}::bigint is null or id < $${params.length + 1})
        order by id desc limit $${params.length + 2}`,
      [...params, before ?? null, limit],
    );
    return rows.map(toRow);
  }

  /** The next open row by filter after an id, in the order of ids. */
  async next(
    filter: FailureFilter,
    consumers: readonly string[],
    after: string,
    upTo: string,
  ): Promise<string | undefined> {
    const { sql, params } = where(filter);
    const n = params.length;
    const { rows } = await this.host.query<{ id: string | number }>(
      `select id from rookery_failed_messages
        where ${sql} and status in ('parked', 'dead') and consumer = any($${n + 1}::text[])
          and id > $${n + 2} and id <= $${n + 3} order by id limit 1`,
      [...params, consumers, after, upTo],
    );
    return rows[0] === undefined ? undefined : String(rows[0].id);
  }

  /** How many open rows there are by filter, and the last id. */
  async extent(
    filter: FailureFilter,
    consumers: readonly string[],
  ): Promise<{ matching: number; last: string }> {
    const { sql, params } = where(filter);
    const { rows } = await this.host.query<{ matching: number; last: string | number }>(
      `select count(*)::int as matching, coalesce(max(id), 0) as last from rookery_failed_messages
        where ${sql} and status in ('parked', 'dead') and consumer = any($${params.length + 1}::text[])`,
      [...params, consumers],
    );
    return { matching: Number(rows[0]?.matching ?? 0), last: String(rows[0]?.last ?? 0) };
  }

  /** Keeps what an operator has made of a message beside the original. */
  async edit(id: string, value: Buffer | null, headers: RecordHeaders): Promise<void> {
    await this.host.query(
      `update rookery_failed_messages
          set edited_value = $2, edited_headers = $3, revision = revision + 1 where id = $1`,
      [id, value, JSON.stringify(storedHeaders(headers))],
    );
  }
}

/** The record as it is handled when it is replayed: with what an operator has made of it. */
export function recordOf(row: FailureRow): IncomingRecord {
  const headers = row.editedHeaders ?? row.headers;
  return {
    topic: row.topic,
    partition: row.partition,
    offset: row.offset,
    key: row.key,
    value: row.editedValue ?? row.value,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.map(bytes) : bytes(value as Buffer | string),
      ]),
    ),
    timestamp: row.recordedAt,
  };
}

function bytes(value: Buffer | string): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function where(filter: FailureFilter): { sql: string; params: unknown[] } {
  const params: unknown[] = [];
  const conditions: string[] = [];
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    if (value === undefined) return;
    params.push(value);
    conditions.push(condition(`$${params.length}`));
  };
  const ago = (ms: string): string =>
    `clock_timestamp() - ${ms}::float8 * interval '1 millisecond'`;
  add((p) => `consumer = ${p}`, filter.consumer);
  add((p) => `status = ${p}`, filter.status);
  add((p) => `type = ${p}`, filter.type);
  add((p) => `topic = ${p}`, filter.topic);
  add((p) => `key_hash = sha256(convert_to(${p}, 'UTF8'))`, filter.key);
  add((p) => `reason = ${p}`, filter.reason);
  add((p) => `code = ${p}`, filter.code);
  add((p) => `failed_at < ${ago(p)}`, filter.olderThan);
  add((p) => `failed_at >= ${ago(p)}`, filter.newerThan);
  return { sql: conditions.length === 0 ? 'true' : conditions.join(' and '), params };
}

function toRow(raw: Raw): FailureRow {
  return {
    id: String(raw.id),
    status: raw.status,
    consumer: raw.consumer,
    group: raw.consumer_group,
    messageId: raw.message_id,
    type: raw.type ?? undefined,
    topic: raw.topic,
    partition: raw.partition,
    offset: Number(raw.record_offset),
    recordedAt: raw.record_time.getTime(),
    key: raw.key,
    value: raw.value,
    headers: recordHeaders(raw.headers),
    editedValue: raw.edited_value ?? undefined,
    editedHeaders: raw.edited_headers === null ? undefined : recordHeaders(raw.edited_headers),
    reason: raw.reason,
    code: raw.code ?? undefined,
    error: raw.error ?? undefined,
    attempts: raw.attempts,
    replays: raw.replays,
    failedAt: raw.failed_at.getTime(),
    nextAt: raw.next_at?.getTime(),
    endedAt: raw.ended_at?.getTime(),
    revision: raw.revision,
  };
}
