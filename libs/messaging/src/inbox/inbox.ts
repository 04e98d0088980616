import type { TransactionHost } from '@rookery/persistence';

const CLEANING_BATCH = 5_000;
const NOWHERE: Arrival = { place: '', again: false };

/** A record in which a message has come. */
export interface Arrival {
  /** Topic, partition and offset. */
  readonly place: string;
  /** Whether a message that was given up in another record may be handled in this one. */
  readonly again: boolean;
}

/** The reply that a command got; `data` is of that version of the contract. */
export interface KeptReply {
  readonly name: string;
  readonly version: number;
  readonly data: unknown;
}

/**
 * Remembers which consumer has handled which message, in the transaction of its effects: a message
 * that arrives again finds its effects there and does nothing.
 */
export class Inbox {
  constructor(private readonly host: TransactionHost) {}

  /**
   * Remembers a message within the current transaction; false when it was remembered before. Waits
   * for another transaction that handles the same message at this moment.
   */
  async remember(
    consumer: string,
    messageId: string,
    { place, again }: Arrival = NOWHERE,
  ): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `insert into rookery_inbox as known (consumer, message_id, place) values ($1, $2, $3)
       on conflict (consumer, message_id) do update set place = excluded.place, given_up = false
         where known.given_up and $4::boolean and known.place <> excluded.place`,
      [consumer, messageId, place, again],
    );
    return rowCount === 1;
  }

  /** Remembers many messages; returns the ids of those that were not remembered before. */
  async rememberAll(
    consumer: string,
    messages: readonly { readonly id: string; readonly place: string }[],
  ): Promise<Set<string>> {
    // In one order, so that two transactions with the same messages wait for each other in turn.
    const { rows } = await this.host.query<{ message_id: string }>(
      `insert into rookery_inbox (consumer, message_id, place)
       select $1, id, place from unnest($2::text[], $3::text[]) as given (id, place) order by id
       on conflict (consumer, message_id) do nothing returning message_id`,
      [consumer, messages.map(({ id }) => id), messages.map(({ place }) => place)],
    );
    return new Set(rows.map((row) => row.message_id));
  }

  /** Forgets messages that the current transaction has remembered. */
  async forget(consumer: string, ids: readonly string[]): Promise<void> {
    await this.host.query(
      'delete from rookery_inbox where consumer = $1 and message_id = any($2::text[])',
      [consumer, ids],
    );
  }

  /** Remembers that a message was given up; false when it was handled, or given up in this record. */
  async giveUp(consumer: string, messageId: string, place: string): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `insert into rookery_inbox as known (consumer, message_id, place, given_up)
       values ($1, $2, $3, true)
       on conflict (consumer, message_id) do update set place = excluded.place
         where known.given_up and known.place <> excluded.place`,
      [consumer, messageId, place],
    );
    return rowCount === 1;
  }

  /** Keeps the reply to a command that the current transaction remembers. */
  async keepReply(consumer: string, messageId: string, reply: KeptReply): Promise<void> {
    await this.host.query(
      `update rookery_inbox set reply = $3 where consumer = $1 and message_id = $2`,
      [consumer, messageId, JSON.stringify(reply)],
    );
  }

  /** The reply to a command that was handled in another record than this one. */
  async replyOf(
    consumer: string,
    messageId: string,
    place: string,
  ): Promise<KeptReply | undefined> {
    const { rows } = await this.host.query<{ reply: KeptReply }>(
      `select reply from rookery_inbox
        where consumer = $1 and message_id = $2 and place <> $3 and reply is not null`,
      [consumer, messageId, place],
    );
    return rows[0]?.reply;
  }

  /** Forgets what was remembered more than `ageMs` ago; returns how many. */
  async forgetOlderThan(ageMs: number, signal?: AbortSignal): Promise<number> {
    let forgotten = 0;
    while (signal?.aborted !== true) {
      const { rowCount } = await this.host.query(
        `delete from rookery_inbox where ctid = any(array(
           select ctid from rookery_inbox
            where received_at < clock_timestamp() - $1 * interval '1 millisecond' limit $2))`,
        [ageMs, CLEANING_BATCH],
      );
      forgotten += rowCount;
      if (rowCount < CLEANING_BATCH) break;
    }
    return forgotten;
  }
}
