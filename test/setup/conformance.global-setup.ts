import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { printReport } from '../conformance/suite/print-report.js';
import type { Endpoints } from '../conformance/port/client.js';
import { whyNoKafkaJars } from '../real-kafka/kafka-jars.js';
import { RealKafka } from '../real-kafka/real-kafka.js';

/** What the specs of a conformance run get. */
export type ConformanceRun = { readonly reports: string } & (
  { readonly endpoints: Endpoints } | { readonly missing: string }
);

declare module 'vitest' {
  interface ProvidedContext {
    'rookery:conformance': ConformanceRun;
  }
}

/** The part of vitest's project that a global setup gets and this one needs. */
interface Project {
  provide(key: 'rookery:conformance', value: ConformanceRun): void;
}

/** One Apache Kafka for all clients; at the end, what they found as one report. */
export default async function setup(project: Project): Promise<() => Promise<void>> {
  const reports = await mkdtemp(join(tmpdir(), 'rookery-conformance-'));
  const missing = await whyNoKafkaJars();
  let kafka: RealKafka | undefined;
  if (missing === undefined) {
    kafka = await RealKafka.start();
    await warmUp(kafka.brokers);
    const [plain, sasl] = [kafka.brokers[0]!, kafka.saslBrokers[0]!];
    project.provide('rookery:conformance', { reports, endpoints: { plain, sasl } });
  } else {
    process.stderr.write(`Skipped: Apache Kafka, because ${missing}\n`);
    project.provide('rookery:conformance', { reports, missing });
  }
  return async () => {
    await kafka?.stop();
    await printReport(reports);
    await rm(reports, { recursive: true, force: true });
  };
}

/** Kafka makes its own topics when they are first needed; no check should have to wait for that. */
async function warmUp(brokers: readonly string[]): Promise<void> {
  const client = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 50, initialRetryTime: 100, maxRetryTime: 300 },
  });
  const [admin, producer] = [client.admin(), client.producer({ transactionalId: 'warm-up' })];
  const topic = 'warm-up';
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  await admin.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: '0' }] });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: topic }] });
  await transaction.commit();
  await producer.disconnect();
  await admin.disconnect();
}
