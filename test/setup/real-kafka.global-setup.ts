import type { KafkaOfRun } from '@rookery/testing/kafka';
import { whyNoKafkaJars } from '../real-kafka/kafka-jars.js';
import { RealKafka } from '../real-kafka/real-kafka.js';

/** The part of vitest's project that a global setup gets and this one needs. */
interface Project {
  provide(key: 'rookery:kafka', value: KafkaOfRun): void;
}

/** Apache Kafka for all specs of the run, or why there is none. */
export default async function setup(project: Project): Promise<(() => Promise<void>) | undefined> {
  const missing = await whyNoKafkaJars();
  if (missing !== undefined) {
    process.stderr.write(`Skipped: all tests against a real Kafka, because ${missing}\n`);
    project.provide('rookery:kafka', { missing });
    return undefined;
  }
  const kafka = await RealKafka.start();
  project.provide('rookery:kafka', { brokers: kafka.brokers });
  return () => kafka.stop();
}
