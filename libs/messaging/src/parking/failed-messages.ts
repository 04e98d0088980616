import type { IncomingRecord } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import { storedHeaders } from '../outbox/outbox-row.js';
import { codeOf, errorText, storable } from '../consumer/error-facts.js';

/** First half of the advisory lock keys of parked keys: `rkpk` in ASCII. */
const LOCK_SPACE = 0x726b706b;
const CLEANING_BATCH = 1_000;

/** What becomes of a message that cannot be handled. */
export type Disposition = 'parked' | 'dead';

/** A message that a consumer gives up, or that waits behind one. */
export interface Failure {
  readonly status: Disposition;
  readonly consumer: string;
  readonly group: string;
  /** Under which the consumer remembers it. */
  readonly messageId: string;
  readonly type: string | undefined;
  readonly reason: string;
  /** Nothing when it only waits behind another. */
  readonly error: unknown;
  readonly attempts: number;
  /** When it is tried again by itself; nothing when it waits for an operator. */
  readonly retryInMs: number | undefined;
}

/** Whose messages wait, or do not: a key of a topic, for one consumer. */
export interface KeyOf {
  readonly consumer: string;
  readonly topic: string;
  readonly key: Buffer;
}

/** How many messages of a consumer are open. */
export interface FailureCount {
  readonly consumer: string;
  readonly status: Disposition;
  readonly count: number;
  readonly oldestSeconds: number;
}

/**
 * The table of messages that were given up: parked ones, whose key waits, and dead ones. There is
 * one open row per consumer and message.
 */
export class FailedMessages {
  constructor(
    private readonly host: TransactionHost,
    /** Called after a commit that has parked a message which is to be tried again by itself. */
    private readonly onPark: () => void = () => {},
  ) {}

  /** Adds one within the current transaction; the row's id, or nothing when it waits there already. */
  async add(record: IncomingRecord, failure: Failure): Promise<string | undefined> {
    const { status, consumer, group, messageId, type, reason, error, attempts } = failure;
    const { rows } = await this.host.query<{ id: string | number }>(
      `insert into rookery_failed_messages as known (
         status, consumer, consumer_group, message_id, type, topic, partition, record_offset,
         record_time, key, value, headers, reason, code, error, attempts, next_at
       ) values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000), $10, $11, $12,
                 $13, $14, $15, $16, clock_timestamp() + $17::float8 * interval '1 millisecond')
       on conflict (consumer, message_id) where status in ('parked', 'dead') do update set
         status = excluded.status, partition = excluded.partition, reason = excluded.reason,
         record_offset = excluded.record_offset, record_time = excluded.record_time,
         key = excluded.key, value = excluded.value, headers = excluded.headers,
         edited_value = null, edited_headers = null, code = excluded.code, error = excluded.error,
         attempts = excluded.attempts, replays = 0, failed_at = clock_timestamp(), next_at = excluded.next_at,
         revision = known.revision + 1
         where known.status = 'dead'
       returning id`,
      [
        status,
        consumer,
        group,
        messageId,
        type === undefined ? null : storable(type),
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        JSON.stringify(storedHeaders(record.headers)),
        reason,
        codeOf(error),
        errorText(error),
        attempts,
        failure.retryInMs ?? null,
      ],
    );
    if (rows[0] === undefined) return undefined;
    if (failure.retryInMs !== undefined) this.host.afterCommit(this.onPark);
    return String(rows[0].id);
  }

  /**
   * Locks a key until the transaction ends, so that what arrives for it and what is replayed of it
   * exclude each other; false when somebody else has it.
   */
  async tryLock({ consumer, topic, key }: KeyOf): Promise<boolean> {
    const { rows } = await this.host.query<{ locked: boolean }>(
      `select pg_try_advisory_xact_lock(${LOCK_SPACE},
         hashtext($1 || ' ' || $2 || ' ' || encode(sha256($3::bytea), 'hex'))) as locked`,
      [consumer, topic, key],
    );
    return rows[0]?.locked === true;
  }

  /** Whether messages of a key wait. */
  async isParked({ consumer, topic, key }: KeyOf): Promise<boolean> {
    return (await this.first({ consumer, topic, key })) !== undefined;
  }

  /** The id of the message of a key that comes next. */
  async first({ consumer, topic, key }: KeyOf): Promise<string | undefined> {
    const { rows } = await this.host.query<{ id: string | number }>(
      `select id from rookery_failed_messages
        where status = 'parked' and consumer = $1 and topic = $2 and key_hash = sha256($3::bytea)
        order by id limit 1`,
      [consumer, topic, key],
    );
    return rows[0] === undefined ? undefined : String(rows[0].id);
  }

  /** Hashes of the keys of a topic that wait, at most `limit`. */
  async parkedKeys(consumer: string, topic: string, limit: number): Promise<string[]> {
    const { rows } = await this.host.query<{ hash: string }>(
      `select distinct encode(key_hash, 'hex') as hash from rookery_failed_messages
        where status = 'parked' and consumer = $1 and topic = $2 and key_hash is not null limit $3`,
      [consumer, topic, limit],
    );
    return rows.map(({ hash }) => hash);
  }

  /** The messages of some consumers that are due to be tried again by themselves, oldest first. */
  async due(consumers: readonly string[], limit: number): Promise<string[]> {
    const { rows } = await this.host.query<{ id: string | number }>(
      `select id from rookery_failed_messages m
        where status = 'parked' and next_at <= clock_timestamp() and consumer = any($1::text[])
          and not exists (
            select from rookery_failed_messages earlier
             where earlier.status = 'parked' and earlier.consumer = m.consumer
               and earlier.topic = m.topic and earlier.key_hash = m.key_hash
               and earlier.id < m.id)
        order by next_at limit $2`,
      [consumers, limit],
    );
    return rows.map(({ id }) => String(id));
  }

  /** Milliseconds until the next message is due by itself, 0 when one is; `undefined` without one. */
  async untilDue(consumers: readonly string[]): Promise<number | undefined> {
    const { rows } = await this.host.query<{ wait: number | string | null }>(
      `select extract(epoch from min(next_at) - clock_timestamp())::float8 * 1000 as wait
         from rookery_failed_messages
        where status = 'parked' and next_at is not null and consumer = any($1::text[])`,
      [consumers],
    );
    const wait = rows[0]?.wait ?? undefined;
    return wait === undefined ? undefined : Math.max(0, Number(wait));
  }

  /** Notes that a replay has ended a message, within the transaction of its effects. */
  async end(id: string, status: 'replayed' | 'discarded'): Promise<void> {
    await this.host.query(
      `update rookery_failed_messages
          set status = $2, ended_at = clock_timestamp(), next_at = null, revision = revision + 1
        where id = $1`,
      [id, status],
    );
  }

  /** Has the next message of a key tried at once by who tries parked messages by themselves. */
  async rouse({ consumer, topic, key }: KeyOf): Promise<void> {
    await this.host.query(
      `update rookery_failed_messages set next_at = clock_timestamp()
        where id = (select id from rookery_failed_messages
                     where status = 'parked' and consumer = $1 and topic = $2
                       and key_hash = sha256($3::bytea) order by id limit 1)`,
      [consumer, topic, key],
    );
  }

  /** Notes that a replay has failed; false when the message was changed or ended meanwhile. */
  async failAgain(
    id: string,
    revision: number,
    { error, reason, retryInMs }: Pick<Failure, 'error' | 'reason' | 'retryInMs'>,
  ): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `update rookery_failed_messages
          set attempts = attempts + 1, replays = replays + 1, reason = $3, code = $4, error = $5,
              next_at = clock_timestamp() + $6::float8 * interval '1 millisecond',
              failed_at = clock_timestamp(), revision = revision + 1
        where id = $1 and revision = $2 and status in ('parked', 'dead')`,
      [id, revision, reason, codeOf(error), errorText(error), retryInMs ?? null],
    );
    return rowCount === 1;
  }

  /** How many are open, by consumer and status. */
  async counts(): Promise<FailureCount[]> {
    const { rows } = await this.host.query<Record<keyof FailureCount, string | number>>(
      `select consumer, status, count(*)::int as count,
              extract(epoch from clock_timestamp() - min(failed_at))::float8 as "oldestSeconds"
         from rookery_failed_messages where status in ('parked', 'dead') group by 1, 2`,
    );
    return rows.map(({ consumer, status, count, oldestSeconds }) => ({
      consumer: String(consumer),
      status: status as Disposition,
      count: Number(count),
      oldestSeconds: Math.max(0, Number(oldestSeconds)),
    }));
  }

  /**
   * Forgets what failed more than `ageMs` ago and is over or dead; what is parked stays, because its
   * key waits for it. Returns how many.
   */
  async forgetOlderThan(ageMs: number, signal?: AbortSignal): Promise<number> {
    let forgotten = 0;
    while (signal?.aborted !== true) {
      const { rowCount } = await this.host.query(
        `delete from rookery_failed_messages where id = any(array(
           select id from rookery_failed_messages
            where failed_at < clock_timestamp() - $1 * interval '1 millisecond'
              and status <> 'parked' limit $2))`,
        [ageMs, CLEANING_BATCH],
      );
      forgotten += rowCount;
      if (rowCount < CLEANING_BATCH) break;
    }
    return forgotten;
  }
}
