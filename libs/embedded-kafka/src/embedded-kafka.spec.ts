import { Kafka, logLevel, type Consumer, type EachMessagePayload } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedKafka } from './index.js';

describe('EmbeddedKafka with kafkajs', () => {
  let broker: EmbeddedKafka;
  let kafka: Kafka;

  beforeEach(async () => {
    broker = await EmbeddedKafka.start();
    kafka = new Kafka({
      brokers: [...broker.brokers],
      clientId: 'spec',
      logLevel: logLevel.NOTHING,
    });
  });

  afterEach(async () => {
    await broker.stop();
  });

  it('hands a consumer group what a producer sent, keys, headers and order kept', async () => {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 3 }] });
    const producer = kafka.producer({ idempotent: true });
    await producer.connect();
    await producer.send({
      topic: 'orders',
      messages: Array.from({ length: 30 }, (_, n) => ({
        key: `k${n % 5}`,
        value: `v${n}`,
        headers: { n: String(n) },
      })),
    });
    const consumer = kafka.consumer({ groupId: 'g', maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topic: 'orders', fromBeginning: true });
    const got: EachMessagePayload[] = [];
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async (payload) => {
            got.push(payload);
            if (got.length === 30) resolve();
          },
        })
        .catch(reject);
    });
    expect(got.map(({ message }) => message.value?.toString()).sort()).toHaveLength(30);
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) {
      const numbers = got
        .filter(({ message }) => message.key?.toString() === key)
        .map(({ message }) => Number(message.headers?.['n']?.toString()));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(numbers).toHaveLength(6);
    }
    await consumer.disconnect();
    await producer.disconnect();
    await admin.disconnect();
  });
});
