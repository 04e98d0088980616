import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { kafkajsDriver, type KafkaDriver } from '@rookery/kafka';
import { useDatabase } from '@rookery/testing/database';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { reportJson, median } from '../testing/test-report.js';
import { TestService } from '../testing/test-service.js';
import { MessageProbe } from '../testing/message-probe.js';

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
  const probe = await MessageProbe.start({ driver, contracts: [Placed] });
  for (let from = 0; from < COUNT; from += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, n) => probe.publish(Placed, order(from + n))),
    );
  }
  await probe.stop();
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

/** Messages per second of a consumer that gets all of the topic. */
async function rate(
  consume: (group: string, got: () => void) => Promise<() => Promise<void>>,
): Promise<number> {
  let first = 0;
  let handled = 0;
  let stop: () => Promise<void> = async () => {};
  await new Promise<void>((resolve, reject) => {
    consume(`bench-${++round}`, () => {
      // From the first message on: how fast a group is joined is another question.
      if (handled === 0) first = performance.now();
      handled += 1;
      if (handled === COUNT) resolve();
    }).then((end) => (stop = end), reject);
  });
  const took = performance.now() - first;
  await stop();
  return (COUNT / took) * 1_000;
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

describe('consuming', () => {
  it('validated events without a database, beside bare eachMessage', async () => {
    const bare: number[] = [];
    const ours: number[] = [];
    for (let i = 0; i < ROUNDS; i += 1) {
      bare.push(await bareEachMessage());
      ours.push(await engine('at-least-once'));
    }
    const ratio = median(ours) / median(bare);
    reportJson('consume', {
      bareEachMessagePerSecond: median(bare),
      enginePerSecond: median(ours),
      ratio,
      target: 0.9,
    });
    expect(ratio).toBeGreaterThan(0);
  }, 300_000);
});
