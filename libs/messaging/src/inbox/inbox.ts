import type { TransactionHost } from '@rookery/persistence';

const CLEANING_BATCH = 5_000;

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
  async remember(consumer: string, messageId: string): Promise<boolean> {
    const { rowCount } = await this.host.query(
      `insert into rookery_inbox (consumer, message_id) values ($1, $2) on conflict do nothing`,
      [consumer, messageId],
    );
    return rowCount === 1;
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
