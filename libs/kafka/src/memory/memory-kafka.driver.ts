import { systemClock, type Clock } from '@rookery/core';
import { denyInstanceId } from '../driver/deny-instance-id.js';
import type {
  ConsumerOptions,
  ConsumerStatus,
  KafkaAdmin,
  KafkaConsumer,
  KafkaDriver,
  KafkaProducer,
  PartitionLag,
} from '../driver/kafka-driver.js';
import { KafkaClosedError } from '../kafka.errors.js';
import { MemoryBroker } from './memory-broker.js';
import { MemoryConsumer } from './memory-consumer.js';

/** Options of {@link MemoryKafkaDriver}. */
export interface MemoryKafkaDriverOptions {
  /** Share one to let several drivers talk. @default one of its own */
  readonly broker?: MemoryBroker;
  /** Where timestamps come from. @default the system's clock */
  readonly clock?: Clock;
}

/** Kafka without Kafka: partitions, groups and offsets in memory. For tests and single processes. */
export class MemoryKafkaDriver implements KafkaDriver {
  readonly name = 'memory';
  readonly broker: MemoryBroker;
  readonly #clock: Clock;
  readonly #consumers = new Set<MemoryConsumer>();
  #closed = false;

  constructor(options: MemoryKafkaDriverOptions = {}) {
    this.broker = options.broker ?? new MemoryBroker();
    this.#clock = options.clock ?? systemClock;
  }

  get consumers(): readonly ConsumerStatus[] {
    return [...this.#consumers].map(({ status }) => status);
  }

  producer(): KafkaProducer {
    let closed = false;
    return {
      send: async (records) => {
        if (closed || this.#closed) throw new KafkaClosedError('producer');
        const { broker } = this;
        const refused = broker.faults.send?.(records);
        if (refused !== undefined) throw refused;
        const now = this.#clock.now();
        for (const record of records) broker.append(record, now);
        broker.announce();
        const lost = broker.faults.acknowledge?.(records);
        if (lost !== undefined) throw lost;
      },
      close: async () => void (closed = true),
    };
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    denyInstanceId(this.name, options.instanceId);
    const consumer = new MemoryConsumer(this.broker, options, (closed) =>
      this.#consumers.delete(closed),
    );
    this.#consumers.add(consumer);
    return consumer;
  }

  admin(): KafkaAdmin {
    const { broker } = this;
    return {
      ensureTopics: async (topics) =>
        topics
          .filter(({ topic, partitions }) => broker.createTopic(topic, partitions))
          .map(({ topic }) => topic),
      lag: async (group, topics) =>
        topics
          .flatMap((topic) => broker.partitions(topic))
          .map((at): PartitionLag => {
            const committed = broker.group(group).committed(at);
            const end = broker.end(at);
            return { ...at, committed, end, lag: end - (committed ?? 0) };
          }),
      ping: async () => {
        const fault = broker.faults.ping?.();
        if (fault !== undefined) throw fault;
      },
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
  }
}
