import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { systemClock } from '@rookery/core';
import { kafkajsDriver, type KafkaDriver, type OutgoingRecord } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { MessageWriter } from '../publish/message-writer.js';
import { reportJson, median } from '../testing/test-report.js';
import { TestService } from '../testing/test-service.js';

const COUNT = 30_000;
const ROUNDS = 5;
const KEYS = 500;

const Placed = defineEvent('bench.placed', {
  topic: 'bench.consume',
  owner: 'bench',
  key: (data) => data.orderId,
  versions: {
    1: z.object({
      orderId: z.string(),
      customer: z.string(),
      total: z.string(),
      lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1),
    }),
  },
});

const db = useDatabase({ migrations: [messagingMigrations] });
let kafka: EmbeddedKafka;
let driver: KafkaDriver;
let round = 0;

beforeAll(async () => {
  kafka = await EmbeddedKafka.start({});
  driver = await kafkajsDriver({ brokers: kafka.brokers, clientId: 'bench' });
  await driver.admin().ensureTopics([{ topic: Placed.topic, partitions: 6 }]);
  const records: OutgoingRecord[] = [];
  const writer = new MessageWriter({
    service: 'bench',
    clock: systemClock,
    // As a producer that records a tenth of the traces.
    tracing: new Tracing({ app: 'bench', instance: 'bench-1', sampling: 0.1 }),
    maxMessageSize: 1_000_000,
    outbox: { add: async (record) => void records.push(record) },
    delayed: { maxMs: 0, add: async () => undefined, cancel: async () => false },
  });
  for (let n = 0; n < COUNT; n += 1) await writer.publish(Placed, order(n));
  const producer = driver.producer();
  for (let from = 0; from < COUNT; from += 1_000) {
    await producer.send(records.slice(from, from + 1_000));
  }
  await producer.close();
}, 120_000);
afterAll(async () => {
  await driver.close();
  await kafka.stop();
});

const order = (n: number) => ({
  orderId: `order-${n % KEYS}`,
  customer: `c-${n}`,
  total: '12.50',
  lines: [
    { sku: 'a', quantity: 1 },
    { sku: 'b', quantity: 2 },
  ],
});

interface Measured {
  readonly perSecond: number;
  /** Of the whole process, the broker included, per message: the same however busy the machine is. */
  readonly cpuMicros: number;
}

/** Messages per second of a consumer that gets all of the topic. */
async function rate(
  consume: (group: string, got: () => void) => Promise<() => Promise<void>>,
): Promise<Measured> {
  let first = 0;
  let handled = 0;
  let before = process.cpuUsage();
  let stop: () => Promise<void> = async () => {};
  await new Promise<void>((resolve, reject) => {
    consume(`bench-${++round}`, () => {
      // From the first message on: how fast a group is joined is another question.
      if (handled === 0) {
        first = performance.now();
        before = process.cpuUsage();
      }
      handled += 1;
      if (handled === COUNT) resolve();
    }).then((end) => (stop = end), reject);
  });
  const took = performance.now() - first;
  const { user, system } = process.cpuUsage(before);
  await stop();
  return { perSecond: (COUNT / took) * 1_000, cpuMicros: (user + system) / COUNT };
}

/** kafkajs as anybody would use it: parsed, and nothing else. */
const bareEachMessage = () =>
  rate(async (groupId, got) => {
    const client = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });
    const consumer = client.consumer({ groupId });
    await consumer.connect();
    await consumer.subscribe({ topic: Placed.topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        JSON.parse(String(message.value));
        got();
      },
    });
    return () => consumer.disconnect();
  });

/** Nest's own transport, with one handler. */
const nestTransport = () =>
  rate(async (groupId, got) => {
    @Controller()
    class Orders {
      @EventPattern<string>(Placed.topic)
      placed(): void {
        got();
      }
    }
    @Module({ controllers: [Orders] })
    class OrdersModule {}
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(OrdersModule, {
      logger: false,
      transport: Transport.KAFKA,
      options: {
        client: { brokers: [...kafka.brokers], logLevel: logLevel.NOTHING },
        consumer: { groupId },
        subscribe: { fromBeginning: true },
      },
    });
    await app.listen();
    return () => app.close();
  });

const engine = (effects: 'once' | 'at-least-once') =>
  rate(async (group, got) => {
    const service = await TestService.create(group, {
      host: db.unitOfWork,
      brokers: kafka.brokers,
    });
    service.engine.runtime.subscribe({
      consumer: 'bench',
      contracts: [Placed],
      effects,
      handle: async () => got(),
    });
    await service.start();
    return () => service.stop();
  });

const batches = () =>
  rate(async (group, got) => {
    const service = await TestService.create(group, {
      host: db.unitOfWork,
      brokers: kafka.brokers,
    });
    service.engine.runtime.subscribeBatches({
      consumer: 'bench',
      event: Placed,
      effects: 'at-least-once',
      handle: async (messages) => messages.forEach(got),
    });
    await service.start();
    return () => service.stop();
  });

describe('consuming', () => {
  it("validated events without a database, beside bare eachMessage and Nest's transport", async () => {
    const bare: Measured[] = [];
    const nest: Measured[] = [];
    const ours: Measured[] = [];
    const inBatches: Measured[] = [];
    for (let i = 0; i < ROUNDS; i += 1) {
      bare.push(await bareEachMessage());
      nest.push(await nestTransport());
      ours.push(await engine('at-least-once'));
      inBatches.push(await batches());
    }
    const of = (all: Measured[], figure: keyof Measured) => median(all.map((each) => each[figure]));
    const ratio = of(ours, 'perSecond') / of(bare, 'perSecond');
    reportJson('consume', {
      bareEachMessagePerSecond: of(bare, 'perSecond'),
      enginePerSecond: of(ours, 'perSecond'),
      ratio,
      batchesPerSecond: of(inBatches, 'perSecond'),
      ratioInBatches: of(inBatches, 'perSecond') / of(bare, 'perSecond'),
      target: 0.9,
      nestTransportPerSecond: of(nest, 'perSecond'),
      ratioToNestTransport: of(ours, 'perSecond') / of(nest, 'perSecond'),
      bareCpuMicros: of(bare, 'cpuMicros'),
      nestTransportCpuMicros: of(nest, 'cpuMicros'),
      engineCpuMicros: of(ours, 'cpuMicros'),
    });
    expect(ratio).toBeGreaterThan(0);
  }, 300_000);
});
