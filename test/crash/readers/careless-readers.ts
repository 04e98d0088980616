import { systemClock } from '@rookery/core';
import type { AggregateEvent, OutboxReader, ReaderParts } from './outbox-reader.js';

interface Row extends AggregateEvent {
  readonly id: number;
  readonly xid: string;
}

/** Calls `pass` until it finds nothing after it was told to stop. */
class PollingReader implements OutboxReader {
  #stopping = false;
  readonly #loops: Promise<void>[] = [];

  constructor(
    private readonly pass: () => Promise<boolean>,
    private readonly pollers = 1,
  ) {}

  start(): void {
    for (let i = 0; i < this.pollers; i += 1) this.#loops.push(this.#loop());
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    for (;;) {
      const last = this.#stopping;
      const found = await this.pass();
      if (!found && last) return;
      if (!found) await systemClock.sleep(1);
    }
  }
}

/** `id > last`: never goes back for a transaction that commits late. */
export function sequenceCursor({ host, send }: ReaderParts): OutboxReader {
  let last = 0;
  return new PollingReader(async () => {
    const { rows } = await host.query<Row>(
      'select id, key, version from events where id > $1 order by id',
      [last],
    );
    await send(rows);
    last = rows.at(-1)?.id ?? last;
    return rows.length > 0;
  });
}

/**
 * `(xid, id) > last`, below the oldest transaction that still runs: loses nothing, but a transaction
 * that began early and wrote late comes before those that it has waited for.
 */
export function snapshotCursor({ host, send }: ReaderParts): OutboxReader {
  let last = { xid: '0', id: 0 };
  return new PollingReader(async () => {
    const { rows } = await host.query<Row>(
      `select id, xid::text, key, version from events
        where (xid, id) > ($1::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())
        order by xid, id`,
      [last.xid, last.id],
    );
    await send(rows);
    last = rows.at(-1) ?? last;
    return rows.length > 0 || (await unread(last));
  });

  async function unread(at: { xid: string; id: number }): Promise<boolean> {
    const { rowCount } = await host.query(
      'select from events where (xid, id) > ($1::xid8, $2) limit 1',
      [at.xid, at.id],
    );
    return rowCount > 0;
  }
}

/** Rows whoever comes first: two relays that hold rows of one key send them in any order. */
export function skipLocked({ host, send }: ReaderParts): OutboxReader {
  const BATCH = 10;
  return new PollingReader(
    () =>
      host.run(async () => {
        const { rows } = await host.query<Row>(
          `select id, key, version from queue order by id limit ${BATCH} for update skip locked`,
        );
        await send(rows);
        await host.query('delete from queue where id = any($1::bigint[])', [
          rows.map(({ id }) => id),
        ]);
        return rows.length > 0;
      }),
    3,
  );
}
