import type { OutgoingRecord } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import type { Outbox } from '../outbox/outbox.js';
import { outboxRow } from '../outbox/outbox-row.js';
import type { DueTime } from './due-time.js';

/** Key of the advisory lock of whoever moves rows: `rkdl` in ASCII. */
const LOCK = 0x726b646c;

/** How much waits for its time. */
export interface DelayedBacklog {
  /** Messages, counted up to 100,000. */
  readonly pending: number;
  /** How long the oldest of those whose time has come is late, in seconds; 0 when none is. */
  readonly overdueSeconds: number;
}

/** What {@link DelayedMessages} need. */
export interface DelayedMessagesParts {
  readonly outbox: Pick<Outbox, 'announce'>;
  /** The longest delay in milliseconds. */
  readonly maxMs: number;
  /** Called after a commit that has added a message, with the milliseconds until it is due. */
  readonly onAdded: (inMs: number) => void;
  /** Tells the time instead of the database, in milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/**
 * The table of messages that are to be sent later. Only the database's clock decides when that is,
 * so that instances whose clocks differ agree; a clock of its own is for tests that move it.
 */
export class DelayedMessages {
  constructor(
    private readonly host: TransactionHost,
    private readonly parts: DelayedMessagesParts,
  ) {}

  /** The longest delay in milliseconds. */
  get maxMs(): number {
    return this.parts.maxMs;
  }

  /**
   * Adds a record to the current transaction, or to one of its own. One whose id waits already
   * changes nothing.
   */
  async add(id: string, record: OutgoingRecord, due: DueTime): Promise<void> {
    const { lane, topic, key, value, headers } = outboxRow(record);
    const [inMs, atMs] = 'inMs' in due ? [due.inMs, null] : [null, due.atMs];
    await this.host.run(async () => {
      const { rows } = await this.host.query<{ wait: number | string }>(
        `with time as (select coalesce(to_timestamp($9::float8 / 1000), clock_timestamp()) as now)
         insert into rookery_delayed_messages (id, due_at, lane, topic, key, value, headers)
         select $1, coalesce(to_timestamp($2::float8 / 1000),
                             time.now + $3::float8 * interval '1 millisecond'), $4, $5, $6, $7, $8
           from time
         on conflict (id) do nothing
         returning extract(epoch from due_at - (select now from time))::float8 * 1000 as wait`,
        [id, atMs, inMs, lane, topic, key, value, headers, this.#now()],
      );
      const [added] = rows;
      if (added !== undefined) this.host.afterCommit(() => this.parts.onAdded(Number(added.wait)));
    });
  }

  /** Takes a message back, in the current transaction; false when it is not waiting any more. */
  async cancel(id: string): Promise<boolean> {
    const { rowCount } = await this.host.query(
      'delete from rookery_delayed_messages where id = $1',
      [id],
    );
    return rowCount === 1;
  }

  /** Milliseconds until the next message is due, 0 when it is; `undefined` when there is none. */
  async untilNext(): Promise<number | undefined> {
    const { rows } = await this.host.query<{ wait: number | string }>(
      `select extract(epoch from due_at - coalesce(to_timestamp($1::float8 / 1000),
                                                   clock_timestamp()))::float8 * 1000 as wait
         from rookery_delayed_messages order by due_at, sequence limit 1`,
      [this.#now()],
    );
    const wait = rows[0]?.wait;
    return wait === undefined ? undefined : Math.max(0, Number(wait));
  }

  /**
   * Moves messages whose time has come into the outbox, in the order of their times, and returns
   * how many. One instance does so at a time: two could overtake each other on a key. A message
   * that is being cancelled at this moment holds up those after it of its key, and no others.
   */
  async moveDue(limit: number): Promise<number> {
    return this.host.run(
      async () => {
        const { rows } = await this.host.query<{ locked: boolean }>(
          'select pg_try_advisory_xact_lock($1) as locked',
          [LOCK],
        );
        if (rows[0]?.locked !== true) return 0;
        // A statement of its own: the snapshot of the first is older than the lock.
        const { rowCount } = await this.host.query(MOVE, [limit, this.#now()]);
        if (rowCount > 0) this.parts.outbox.announce();
        return rowCount;
      },
      { propagation: 'requires-new' },
    );
  }

  async backlog(): Promise<DelayedBacklog> {
    const { rows } = await this.host.query<{ pending: number | string; overdue: number | string }>(
      `select (select count(*) from (select from rookery_delayed_messages limit 100000) s)::int
                as pending,
              coalesce(extract(epoch from coalesce(to_timestamp($1::float8 / 1000),
                clock_timestamp()) - (select min(due_at) from rookery_delayed_messages)), 0)::float8
                as overdue`,
      [this.#now()],
    );
    return {
      pending: Number(rows[0]?.pending ?? 0),
      overdueSeconds: Math.max(0, Number(rows[0]?.overdue ?? 0)),
    };
  }

  #now(): number | null {
    return this.parts.now?.() ?? null;
  }
}

const MOVE = `
  with due as materialized (
    select id, topic, key, due_at, sequence from rookery_delayed_messages
     where due_at <= (select coalesce(to_timestamp($2::float8 / 1000), clock_timestamp()))
     order by due_at, sequence limit $1
  ), free as materialized (
    select m.id from rookery_delayed_messages m where m.id in (select id from due)
       for update skip locked
  ), held as materialized (
    select topic, key, due_at, sequence from due where id not in (select id from free)
  ), moved as (
    delete from rookery_delayed_messages m using due
     where m.id = due.id and not exists (
       select from held where held.topic = due.topic and held.key is not distinct from due.key
          and (held.due_at, held.sequence) <= (due.due_at, due.sequence))
    returning m.due_at, m.sequence, m.lane, m.topic, m.key, m.value, m.headers
  )
  insert into rookery_outbox (lane, topic, key, value, headers)
  select lane, topic, key, value, headers from moved order by due_at, sequence`;
