import { systemClock } from '@rookery/core';
import type { KafkaProducer } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';

interface Row {
  readonly id: number;
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Broken on purpose: sends rows behind the highest id it has seen, as many outboxes do. Ids are
 * given at insert; a transaction that commits after a later one has rows behind the cursor.
 */
export class CursorRelay {
  constructor(
    private readonly host: TransactionHost,
    private readonly producer: KafkaProducer,
  ) {}

  start(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      try {
        while (await this.#pass());
        await systemClock.sleep(2);
      } catch {
        // The process is about to be killed, or the broker is not there yet.
        await systemClock.sleep(50);
      }
    }
  }

  async #pass(): Promise<boolean> {
    const { rows } = await this.host.query<Row>(
      `select id, topic, key, value, headers from rookery_outbox
        where id > (select sent from relay_cursor) order by id limit 500`,
    );
    const last = rows.at(-1);
    if (last === undefined) return false;
    await this.producer.send(rows);
    await this.host.query('update relay_cursor set sent = $1', [last.id]);
    return true;
  }
}
