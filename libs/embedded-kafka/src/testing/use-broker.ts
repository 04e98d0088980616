import {
  Kafka,
  logLevel,
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type KafkaMessage,
  type Producer,
  type ProducerConfig,
} from 'kafkajs';
import { onTestFinished } from 'vitest';
import { EmbeddedKafka, type EmbeddedKafkaOptions } from '../index.js';

/** A record with where it came from. */
export interface Consumed {
  readonly partition: number;
  readonly message: KafkaMessage;
  readonly value: string;
}

/** A kafkajs client of a broker; all it connects is disconnected when the test is over. */
export class TestClient {
  readonly kafka: Kafka;

  constructor(
    private readonly broker: Pick<EmbeddedKafka, 'brokers'>,
    clientId = 'spec',
    requestTimeout = 30_000,
  ) {
    this.kafka = new Kafka({
      clientId,
      requestTimeout,
      brokers: [...broker.brokers],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 20 },
    });
  }

  /** A client that gives up on each request after `ms`. */
  impatient(ms: number): TestClient {
    return new TestClient(this.broker, 'impatient', ms);
  }

  async admin(): Promise<Admin> {
    return connected(this.kafka.admin());
  }

  async producer(config: ProducerConfig = { idempotent: true }): Promise<Producer> {
    return connected(this.kafka.producer(config));
  }

  async consumer(groupId: string, config: Partial<ConsumerConfig> = {}): Promise<Consumer> {
    return connected(
      this.kafka.consumer({ groupId, maxWaitTimeInMs: 50, heartbeatInterval: 100, ...config }),
    );
  }

  /** Consumes topics from the beginning until `enough` says so, then disconnects. */
  async read(
    groupId: string,
    topics: string[],
    enough: (all: readonly Consumed[]) => boolean,
  ): Promise<Consumed[]> {
    const consumer = await this.consumer(groupId);
    const reader = new Reader();
    await reader.run(consumer, topics);
    await reader.until(enough);
    await consumer.disconnect();
    return reader.got;
  }
}

/** Collects what a consumer gets. */
export class Reader {
  readonly got: Consumed[] = [];
  #notice: () => void = () => {};

  async run(consumer: Consumer, topics: string[]): Promise<void> {
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        this.got.push({ partition, message, value: message.value?.toString() ?? '' });
        this.#notice();
      },
    });
  }

  until(enough: (all: readonly Consumed[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#notice = () => {
        if (enough(this.got)) resolve();
      };
      this.#notice();
    });
  }
}

/** Resolves when a consumer has its partitions of a new generation that is as wanted. */
export function joined(
  consumer: Consumer,
  wanted: (assignment: Record<string, number[]>) => boolean = () => true,
): Promise<Record<string, number[]>> {
  return new Promise((resolve) => {
    const end = consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (!wanted(payload.memberAssignment)) return;
      end();
      resolve(payload.memberAssignment);
    });
  });
}

/** A broker that stops with the test. */
export async function startBroker(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
  const broker = await EmbeddedKafka.start(options);
  onTestFinished(() => broker.stop());
  return broker;
}

async function connected<T extends { connect(): Promise<void>; disconnect(): Promise<void> }>(
  client: T,
): Promise<T> {
  onTestFinished(() => client.disconnect());
  await client.connect();
  return client;
}
