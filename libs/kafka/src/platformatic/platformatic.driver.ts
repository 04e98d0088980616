import { systemClock, systemRandom, type Clock, type Random } from '@rookery/core';
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
import { PlatformaticAdmin } from './platformatic-admin.js';
import { PlatformaticClient } from './platformatic-client.js';
import { PlatformaticConsumer } from './platformatic-consumer.js';
import { PlatformaticProducer } from './platformatic-producer.js';

/** Nothing waits for a poll to end here, so it may be long, which costs less at rest. */
const MAX_WAIT_MS = 5_000;

interface Closable {
  close(): Promise<void>;
}

/** Kafka through @platformatic/kafka: its connections and protocol, with a group member of our own. */
export class PlatformaticDriver implements KafkaDriver {
  readonly name = 'platformatic';
  readonly #settings: DriverOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: KafkaLog;
  readonly #open = new Set<Closable>();

  constructor(options: DriverSettings, parts: DriverParts = {}) {
    this.#settings = { ...DEFAULT_DRIVER_OPTIONS, maxWaitMs: MAX_WAIT_MS, ...options };
    this.#clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? systemRandom;
    this.#log = parts.log ?? (() => {});
  }

  get consumers(): readonly ConsumerStatus[] {
    return [...this.#open].flatMap((part) =>
      part instanceof PlatformaticConsumer ? [part.status] : [],
    );
  }

  producer(options: ProducerOptions = {}): KafkaProducer {
    return this.#track(
      new PlatformaticProducer(options, {
        open: this.#client,
        settings: this.#settings,
        clock: this.#clock,
        random: this.#random,
        onClose: this.#forget,
      }),
    );
  }

  consumer(options: ConsumerOptions): KafkaConsumer {
    return this.#track(
      new PlatformaticConsumer(
        { instanceId: this.#settings.instanceId, ...options },
        {
          settings: this.#settings,
          clock: this.#clock,
          random: this.#random,
          log: this.#log,
          onClose: this.#forget,
        },
      ),
    );
  }

  admin(): KafkaAdmin {
    return this.#track(
      new PlatformaticAdmin(this.#client, this.#settings, this.#forget, this.#clock),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((part) => part.close()));
  }

  readonly #client = (): PlatformaticClient =>
    new PlatformaticClient(this.#settings, this.#settings.requestTimeoutMs);

  readonly #forget = (part: Closable): void => void this.#open.delete(part);

  #track<T extends Closable>(part: T): T {
    this.#open.add(part);
    return part;
  }
}
