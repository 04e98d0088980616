import { systemClock, systemRandom, type Clock, type Random } from '@rookery/core';
import { denyInstanceId } from '../driver/deny-instance-id.js';
import {
  DEFAULT_DRIVER_OPTIONS,
  type DriverOptions,
  type DriverParts,
  type DriverSettings,
} from '../driver/driver.options.js';
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
import { addCodecs } from './kafkajs-codecs.js';
import { KafkajsClient } from './kafkajs-client.js';
import { KafkajsConsumer } from './kafkajs-consumer.js';
import { patchKafkajs } from './kafkajs-internals.js';
import { KafkajsProducer } from './kafkajs-producer.js';

/** Settings of a {@link KafkajsDriver}; durations in milliseconds. */
export type KafkajsDriverOptions = DriverOptions;

/** What a {@link KafkajsDriver} gets from outside. */
export type KafkajsDriverParts = DriverParts;

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

  constructor(options: DriverSettings, parts: KafkajsDriverParts = {}) {
    patchKafkajs();
    addCodecs();
    this.#settings = { ...DEFAULT_DRIVER_OPTIONS, ...options };
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
    denyInstanceId(this.name, options.instanceId ?? this.#settings.instanceId);
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
