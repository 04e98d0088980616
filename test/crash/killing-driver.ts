import { systemClock } from '@rookery/core';
import type {
  ConsumerListener,
  ConsumerOptions,
  ConsumerStatus,
  KafkaAdmin,
  KafkaConsumer,
  KafkaDriver,
  KafkaProducer,
  OutgoingRecord,
  ProducerOptions,
} from '@rookery/kafka';
import type { KillSwitch } from './kill-switch.js';

/** A Kafka client which the process does not survive at points that are sends, polls or commits. */
export class KillingDriver implements KafkaDriver {
  readonly name: string;

  constructor(
    private readonly inner: KafkaDriver,
    private readonly kills: KillSwitch,
    /** Has the broker keep its answers to this process's writes for itself from now on. */
    private readonly withholdAnswers: () => Promise<void>,
  ) {
    this.name = inner.name;
  }

  get consumers(): readonly ConsumerStatus[] {
    return this.inner.consumers;
  }

  admin(): KafkaAdmin {
    return this.inner.admin();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  producer(options?: ProducerOptions): KafkaProducer {
    const producer = this.inner.producer(options);
    return {
      send: async (records) => {
        if (this.kills.due('relay:after-send-before-ack')) {
          await this.#sendUnanswered(producer, records);
        }
        await producer.send(records);
        this.kills.reached('relay:after-ack-before-delete');
      },
      close: () => producer.close(),
    };
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    const { kills } = this;
    const consumer = this.inner.consumer(options);
    const watched = (listener: ConsumerListener): ConsumerListener => ({
      onAssigned: (partitions) => listener.onAssigned(partitions),
      onRevoked: (partitions) => listener.onRevoked(partitions),
      onRecords: (batch) => {
        if (batch.records.length > 0) kills.reached('consumer:after-fetch');
        listener.onRecords(batch);
      },
    });
    return {
      get status() {
        return consumer.status;
      },
      start: (listener, signal) => consumer.start(watched(listener), signal),
      pause: (partitions) => consumer.pause(partitions),
      resume: (partitions) => consumer.resume(partitions),
      seek: (position) => consumer.seek(position),
      commit: (positions) => {
        kills.reached('consumer:after-commit-before-offset-commit');
        return consumer.commit(positions);
      },
      close: () => consumer.close(),
    };
  }

  /** Lets the broker store records, and ends before it says so. */
  async #sendUnanswered(
    producer: KafkaProducer,
    records: readonly OutgoingRecord[],
  ): Promise<void> {
    const admin = this.inner.admin();
    const topics = [...new Set(records.map(({ topic }) => topic))];
    // This relay is the only writer of its topics, and it sends one batch at a time.
    const stored = async (): Promise<number> => {
      const partitions = await admin.lag('nobody', topics);
      return partitions.reduce((sum, { end }) => sum + end, 0);
    };
    const expected = (await stored()) + records.length;
    await this.withholdAnswers();
    producer.send(records).catch(() => undefined);
    while ((await stored()) < expected) await systemClock.sleep(2);
    this.kills.kill('relay:after-send-before-ack');
  }
}
