import type { Random } from '@rookery/core';
import type { KafkaConsumer, KafkaDriver, KafkaProducer, OutgoingRecord } from '@rookery/kafka';

const SHARE = 0.05;
const MARK = 'x-repeated';

/** Sends some of what it reads once more, later and behind other messages of the key. */
export class Repeater {
  readonly #producer: KafkaProducer;
  readonly #consumer: KafkaConsumer;
  readonly #sending = new Set<Promise<void>>();
  #repeated = 0;
  active = false;

  private constructor(
    driver: KafkaDriver,
    private readonly topics: readonly string[],
    private readonly random: Random,
  ) {
    this.#producer = driver.producer();
    this.#consumer = driver.consumer({ group: 'repeater', topics, startFrom: 'latest' });
  }

  static async start(
    driver: KafkaDriver,
    topics: readonly string[],
    random: Random,
  ): Promise<Repeater> {
    const repeater = new Repeater(driver, topics, random);
    await repeater.#start();
    return repeater;
  }

  get repeated(): number {
    return this.#repeated;
  }

  async close(): Promise<void> {
    await this.#consumer.close();
    await Promise.all(this.#sending);
    await this.#producer.close();
  }

  async #start(): Promise<void> {
    await this.#consumer.start({
      onAssigned: () => {},
      onRevoked: async () => {},
      onRecords: ({ records }) => {
        if (!this.active) return;
        const again = records.filter(
          ({ headers }) => !(MARK in headers) && 'ce_id' in headers && this.random() < SHARE,
        );
        if (again.length > 0) this.#send(again.map(repeated));
      },
    });
  }

  #send(records: readonly OutgoingRecord[]): void {
    const sending = this.#producer.send(records).then(
      () => void (this.#repeated += records.length),
      // The broker is away: these are not repeated then.
      () => undefined,
    );
    this.#sending.add(sending);
    void sending.then(() => this.#sending.delete(sending));
  }
}

function repeated(record: OutgoingRecord): OutgoingRecord {
  const { topic, key, value, headers } = record;
  return { topic, key, value, headers: { ...headers, [MARK]: '1' } };
}
