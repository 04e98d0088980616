import { randomUUID } from 'node:crypto';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach } from 'vitest';
import {
  kafkajsDriver,
  MemoryBroker,
  MemoryKafkaDriver,
  platformaticDriver,
  type ConsumerOptions,
  type KafkaDriver,
} from '../index.js';
import { Member } from './member.js';

/** How a driver of the spec file's broker is made. */
export type CreateDriver = () => Promise<KafkaDriver>;

/** Gives a spec file a broker, and each driver there is by its name, for `describe.each`. */
export function eachDriver(): [name: string, create: CreateDriver][] {
  const kafka = useKafka();
  const memory = new MemoryBroker();
  const options = () => ({ brokers: kafka.brokers, clientId: 'conformance', heartbeatMs: 200 });
  const drivers: Record<string, CreateDriver> = {
    kafkajs: () => kafkajsDriver(options()),
    platformatic: () => platformaticDriver(options()),
    // A run against other brokers is about those.
    ...(kafka.external ? {} : { memory: async () => new MemoryKafkaDriver({ broker: memory }) }),
  };
  return Object.entries(drivers);
}

/** Drivers, topics and members of a `describe`; what it opens is closed after each test. */
export function useDrivers(create: CreateDriver) {
  const drivers: KafkaDriver[] = [];

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()));
  });

  async function open(): Promise<KafkaDriver> {
    const driver = await create();
    drivers.push(driver);
    return driver;
  }

  async function topic(partitions = 3): Promise<{ driver: KafkaDriver; topic: string }> {
    const driver = await open();
    const name = `topic-${randomUUID()}`;
    await driver.admin().ensureTopics([{ topic: name, partitions, replicationFactor: 1 }]);
    return { driver, topic: name };
  }

  async function member(options: ConsumerOptions): Promise<Member> {
    return new Member((await open()).consumer(options)).start();
  }

  return { open, topic, member };
}
