import { systemClock, systemRandom, type Clock, type Random } from '@rookery/core';
import type {
  ConsumerOptions,
  ConsumerStatus,
  KafkaAdmin,
  KafkaConsumer,
  KafkaDriver,
  KafkaLog,
  KafkaProducer,
  ProducerOptions,
} from '../driver/kafka-driver.js';
import { KafkajsAdmin } from './kafkajs-admin.js';
import { KafkajsClient } from './kafkajs-client.js';
import { KafkajsConsumer } from './kafkajs-consumer.js';
import { patchKafkajs } from './kafkajs-internals.js';
import { KafkajsProducer } from './kafkajs-producer.js';

/** Settings of a {@link KafkajsDriver}; durations in milliseconds. */
export interface KafkajsDriverOptions {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** `true`, or the options of `tls.connect`. */
  readonly ssl?: boolean | import('node:tls').ConnectionOptions | undefined;
  readonly sasl?:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
        readonly username: string;
        readonly password: string;
      }
    | undefined;
  readonly connectionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** After this long without a heartbeat the group goes on without the member. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long members may take to give back their partitions. */
  readonly rebalanceTimeoutMs: number;
  /** How long a broker holds a poll for which it has no records. */
  readonly maxWaitMs: number;
  /** Crashes in a row, other than outages, after which a consumer gives up. */
  readonly maxCrashes: number;
  /** How long leaving the group may take. */
  readonly closeTimeoutMs: number;
}

/** What a {@link KafkajsDriver} gets from outside. */
export interface KafkajsDriverParts {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: KafkaLog;
}

/** What applies where {@link KafkajsDriverOptions} says nothing. */
export const DEFAULT_KAFKAJS_OPTIONS = Object.freeze({
  connectionTimeoutMs: 3_000,
  requestTimeoutMs: 15_000,
  sessionTimeoutMs: 10_000,
  heartbeatMs: 1_000,
  rebalanceTimeoutMs: 30_000,
  maxWaitMs: 500,
  maxCrashes: 10,
  closeTimeoutMs: 2_000,
}) satisfies Partial<KafkajsDriverOptions>;

interface Closable {
  close(): Promise<void>;
}

/** Kafka through kafkajs 2.2.4, with its known faults contained (see `kafkajs-internals.ts`). */
export class KafkajsDriver implements KafkaDriver {
  readonly name = 'kafkajs';
  readonly #settings: KafkajsDriverOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: KafkaLog;
  readonly #open = new Set<Closable>();

  constructor(
    options: Pick<KafkajsDriverOptions, 'brokers' | 'clientId'> & Partial<KafkajsDriverOptions>,
    parts: KafkajsDriverParts = {},
  ) {
    patchKafkajs();
    this.#settings = { ...DEFAULT_KAFKAJS_OPTIONS, ...options };
    this.#clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? systemRandom;
    this.#log = parts.log ?? (() => {});
  }

  get consumers(): readonly ConsumerStatus[] {
    return [...this.#open].flatMap((part) =>
      part instanceof KafkajsConsumer ? [part.status] : [],
    );
  }

  producer(options: ProducerOptions = {}): KafkaProducer {
    const { brokers, requestTimeoutMs } = this.#settings;
    return this.#track(
      new KafkajsProducer(this.#client, brokers, options, requestTimeoutMs, this.#forget),
    );
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    return this.#track(
      new KafkajsConsumer(options, {
        open: this.#client,
        settings: this.#settings,
        clock: this.#clock,
        random: this.#random,
        log: this.#log,
        onClose: this.#forget,
      }),
    );
  }

  admin(): KafkaAdmin {
    return this.#track(
      new KafkajsAdmin(this.#client, this.#settings.brokers, this.#forget, this.#clock),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((part) => part.close()));
  }

  readonly #client = (): KafkajsClient => new KafkajsClient(this.#settings, this.#log);

  readonly #forget = (part: Closable): void => void this.#open.delete(part);

  #track<T extends Closable>(part: T): T {
    this.#open.add(part);
    return part;
  }
}
