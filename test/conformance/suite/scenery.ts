import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type Consumer } from 'kafkajs';
import { KAFKA_USER } from '../../real-kafka/real-kafka.js';
import type { Endpoints } from '../port/client.js';
import { until } from './until.js';

/** Puts what a check needs on a broker, beside the client that is checked. */
export class Scenery {
  constructor(readonly endpoints: Endpoints) {}

  async topic(
    listener: 'plain' | 'sasl',
    partitions: number,
    configs: Record<string, string>,
  ): Promise<string> {
    const topic = `t-${randomUUID()}`;
    const admin = this.#client(listener).admin();
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.connect();
    try {
      await admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
      });
      // Kafka knows a topic a moment before it serves all its partitions.
      await until(
        () => admin.fetchTopicOffsets(topic).catch(() => []),
        (served) => served.length === partitions,
      );
      return topic;
    } finally {
      await admin.disconnect();
    }
  }

  /** Joins a group and stays in it until the function it resolves with is called. */
  async member(group: string, topic: string): Promise<() => Promise<void>> {
    const consumer = this.#client('plain').consumer({ groupId: group });
    const joined = hasJoined(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await consumer.run({ autoCommit: false, eachMessage: async () => {} });
    await joined;
    return () => consumer.disconnect();
  }

  /** Sends records to partition 0. */
  async records(topic: string, count: number): Promise<void> {
    const producer = this.#client('plain').producer();
    await producer.connect();
    try {
      const messages = Array.from({ length: count }, () => ({ value: 'x', partition: 0 }));
      await producer.send({ topic, messages });
    } finally {
      await producer.disconnect();
    }
  }

  /** Commits for partition 0 and a group without members. */
  async commit(groupId: string, topic: string, offset: number): Promise<void> {
    const admin = this.#client('plain').admin();
    await admin.connect();
    try {
      const partitions = [{ partition: 0, offset: String(offset) }];
      await admin.setOffsets({ groupId, topic, partitions });
    } finally {
      await admin.disconnect();
    }
  }

  /** Begins a transaction with a record, which the function it resolves with aborts. */
  async transaction(transactionalId: string, topic: string): Promise<() => Promise<void>> {
    const producer = this.#client('plain').producer({ transactionalId, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'open', partition: 0 }] });
    return async () => {
      await transaction.abort();
      await producer.disconnect();
    };
  }

  /** One for each task: kafkajs asks for every topic it ever knew, and fails for a deleted one. */
  #client(listener: 'plain' | 'sasl'): Kafka {
    return new Kafka({
      clientId: 'conformance-scenery',
      brokers: [this.endpoints[listener]],
      logLevel: logLevel.NOTHING,
      ...(listener === 'sasl' ? { sasl: { mechanism: 'plain', ...KAFKA_USER } } : {}),
    });
  }
}

function hasJoined(consumer: Consumer): Promise<void> {
  return new Promise((resolve) => {
    const forget = consumer.on(consumer.events.GROUP_JOIN, () => {
      forget();
      resolve();
    });
  });
}
