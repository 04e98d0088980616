import { randomBytes } from 'node:crypto';
import { systemClock, systemRandom, type Clock } from '@rookery/core';
import {
  kafkajsDriver,
  platformaticDriver,
  type IncomingRecord,
  type KafkaDriver,
  type KafkaLog,
} from '@rookery/kafka';
import { Tracing, type TracingOptions } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { MessagingEngine, type MessagingListener } from '../messaging-engine.js';
import { messagingOptions } from '../messaging.options.js';

const NEVER = new AbortController().signal;
/** A run of the specs is about one driver, by default kafkajs. */
const createDriver =
  process.env['KAFKA_DRIVER'] === 'platformatic' ? platformaticDriver : kafkajsDriver;

/** Sets this file's names apart from those of others that use the same broker. */
const FILE = randomBytes(4).toString('hex');
let counter = 0;

/** For a writer in whose spec nothing is delayed. */
export const noDelays = {
  maxMs: 0,
  add: async (): Promise<void> => {},
  cancel: async (): Promise<boolean> => false,
};

/** What an engine has told its listener. */
export class Told implements MessagingListener {
  readonly outcomes: Record<string, number> = {};
  readonly deadLetters: string[] = [];
  readonly skipped: string[] = [];
  onOutcome(consumer: string, outcome: string): void {
    const key = `${consumer} ${outcome}`;
    this.outcomes[key] = (this.outcomes[key] ?? 0) + 1;
  }
  onDeadLetter(topic: string, reason: string): void {
    this.deadLetters.push(`${topic} ${reason}`);
  }
  onSkipped(topic: string, reason: string): void {
    this.skipped.push(`${topic} ${reason}`);
  }
  onSent(): void {}
  onFailure(): void {}
  async measureLag(): Promise<void> {}
}

/** What the services of a spec have in common. */
export interface Surroundings {
  readonly host: TransactionHost;
  readonly brokers: readonly string[];
}

/** How a service differs from the others. */
export interface TestServiceOptions {
  readonly wrap?: (driver: KafkaDriver) => KafkaDriver;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default 200, so that specs hear of rebalances soon */
  readonly heartbeatMs?: number;
  /** Share of traces that are recorded. @default 1 */
  readonly sampling?: number;
  /** Told of every span that ends. */
  readonly onSpan?: (span: ReadableSpan) => void;
  /** Configuration `messaging`. */
  readonly messaging?: object;
  /** Told of every line of the log. */
  readonly log?: KafkaLog;
}

/** The messaging of one service instance, without Nest, on real servers. */
export class TestService {
  static readonly #running = new Set<TestService>();
  readonly told = new Told();
  readonly engine: MessagingEngine;
  readonly tracing: Tracing;

  private constructor(
    name: string,
    readonly driver: KafkaDriver,
    host: TransactionHost,
    options: TestServiceOptions,
  ) {
    this.tracing = new Tracing({
      app: name,
      instance: `${name}-1`,
      sampling: options.sampling ?? 1,
      ...(options.onSpan === undefined ? {} : { spanProcessors: [spansTo(options.onSpan)] }),
    });
    this.engine = new MessagingEngine(
      {
        service: name,
        ...messagingOptions.parse({
          topics: { partitions: 3 },
          retry: { attempts: 3, backoff: { initial: 5, max: 20 } },
          commitInterval: 50,
          ...options.messaging,
        }),
      },
      {
        host,
        driver: options.wrap?.(driver) ?? driver,
        tracing: this.tracing,
        clock: options.clock ?? systemClock,
        random: systemRandom,
        log: options.log ?? (() => {}),
        listener: this.told,
      },
    );
    TestService.#running.add(this);
  }

  static async create(
    name: string,
    { host, brokers }: Surroundings,
    options: TestServiceOptions = {},
  ): Promise<TestService> {
    const driver = await createDriver({
      brokers,
      clientId: name,
      heartbeatMs: options.heartbeatMs ?? 200,
    });
    return new TestService(name, driver, host, options);
  }

  /** Stops all services that a spec has left running. */
  static async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((service) => service.stop()));
  }

  readonly start = async (): Promise<void> => {
    this.engine.startRelay();
    await this.engine.startConsumers(NEVER);
  };

  async stop(): Promise<void> {
    TestService.#running.delete(this);
    await this.engine.stopConsumers();
    await this.engine.stopRelay(AbortSignal.timeout(3_000));
    await this.driver.close();
  }
}

type SpanProcessor = NonNullable<TracingOptions['spanProcessors']>[number];
/** A span that has ended. */
export type ReadableSpan = Parameters<SpanProcessor['onEnd']>[0];

function spansTo(onEnd: (span: ReadableSpan) => void): SpanProcessor {
  return { onStart: () => {}, onEnd, forceFlush: async () => {}, shutdown: async () => {} };
}

/** A name that no other spec uses. */
export function uniqueName(): string {
  return `spec-${FILE}-${++counter}`;
}

/** An event with a topic of its own. */
export function uniqueEvent() {
  const name = uniqueName();
  return defineEvent(`${name}.happened`, {
    topic: `${name}.events`,
    owner: 'spec',
    key: (data) => data.key,
    versions: { 1: z.object({ key: z.string(), n: z.int().optional() }) },
  });
}

/** Waits for a condition, at most 15 s. */
export async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + 15_000;
  while (!(await met())) {
    if (systemClock.monotonic() > end) throw new Error(`not met in time: ${String(met)}`);
    await systemClock.sleep(5);
  }
}

/** Records of a topic from its beginning, at least so many. */
export async function readTopic(
  driver: KafkaDriver,
  topic: string,
  count: number,
): Promise<IncomingRecord[]> {
  const records: IncomingRecord[] = [];
  const consumer = driver.consumer({ group: `read-${topic}-${++counter}`, topics: [topic] });
  await consumer.start({
    onAssigned: () => {},
    onRevoked: async () => {},
    onRecords: (batch) => void records.push(...batch.records),
  });
  await until(() => records.length >= count);
  await consumer.close();
  return records;
}
