import type { OutgoingRecord } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import { LANES, outboxRow, recordHeaders, type StoredHeaders } from './outbox-row.js';

/** First half of the advisory lock keys of lanes: `rkob` in ASCII. */
const LOCK_SPACE = 0x726b6f62;

/** A record that waits to be sent. */
export interface OutboxRow {
  readonly id: string;
  readonly record: OutgoingRecord;
}

/** How much waits to be sent. */
export interface OutboxBacklog {
  /** Rows, counted up to 100,000. */
  readonly pending: number;
  /** Age of the oldest row in seconds, 0 when there is none. */
  readonly oldestSeconds: number;
}

interface Row {
  readonly id: string | number;
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: StoredHeaders;
  readonly partition: number | null;
}

/**
 * The table of messages that are committed and not yet sent. Insert order is send order per key,
 * as long as writers of one key exclude each other; a cursor over ids or transaction ids would lose
 * or reorder rows of transactions that commit late, a queue of lanes does not.
 */
export class Outbox {
  constructor(
    private readonly host: TransactionHost,
    /** Called after a commit that has added rows. */
    private readonly onCommit: () => void,
  ) {}

  /** Adds a record to the current transaction, or to one of its own. */
  async add(record: OutgoingRecord): Promise<void> {
    const { lane, topic, key, value, headers, partition } = outboxRow(record);
    await this.host.run(async () => {
      await this.host.query(
        `insert into rookery_outbox (lane, topic, key, value, headers, partition)
         values ($1, $2, $3, $4, $5, $6)`,
        [lane, topic, key, value, headers, partition],
      );
      this.announce();
    });
  }

  /** Tells the relay of rows that the current transaction has added, once it has committed. */
  announce(): void {
    this.host.afterCommit(this.onCommit);
  }

  /** The lanes that hold rows. */
  async occupiedLanes(): Promise<number[]> {
    const { rows } = await this.host.query<{ lane: number }>(
      `select lane from generate_series(0, ${LANES - 1}) as lane
        where exists (select from rookery_outbox o where o.lane = lane.lane)`,
    );
    return rows.map(({ lane }) => lane);
  }

  /**
   * Locks those of the lanes that are free until the transaction ends. The rows must be read by a
   * later statement: this one's snapshot is older than its locks.
   */
  async lockLanes(lanes: readonly number[]): Promise<number[]> {
    const { rows } = await this.host.query<{ lane: number }>(
      `select lane from unnest($1::int[]) as lane
        where pg_try_advisory_xact_lock(${LOCK_SPACE}, lane)`,
      [lanes],
    );
    return rows.map(({ lane }) => lane);
  }

  /** The oldest rows of some lanes, without those of some topics. */
  async read(
    lanes: readonly number[],
    limit: number,
    withoutTopics: readonly string[],
  ): Promise<OutboxRow[]> {
    const { rows } = await this.host.query<Row>(
      `select id, topic, key, value, headers, partition from rookery_outbox
        where lane = any($1::smallint[]) and topic <> all($2::text[]) order by id limit $3`,
      [lanes, withoutTopics, limit],
    );
    return rows.map(({ id, topic, key, value, headers, partition }) => ({
      id: String(id),
      record: {
        topic,
        key,
        value,
        headers: recordHeaders(headers),
        ...(partition === null ? {} : { partition }),
      },
    }));
  }

  /** Removes rows that were sent. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.host.query('delete from rookery_outbox where id = any($1::bigint[])', [ids]);
  }

  async backlog(): Promise<OutboxBacklog> {
    const { rows } = await this.host.query<{ pending: number | string; oldest: number | string }>(
      `select (select count(*) from (select from rookery_outbox limit 100000) s)::int as pending,
              coalesce(extract(epoch from clock_timestamp() - (
                select created_at from rookery_outbox order by id limit 1
              )), 0)::float8 as oldest`,
    );
    const row = rows[0];
    return {
      pending: Number(row?.pending ?? 0),
      oldestSeconds: Math.max(0, Number(row?.oldest ?? 0)),
    };
  }
}
