import { useKafka } from '@rookery/testing/kafka';
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { KafkajsDriver } from '../kafkajs/kafkajs.driver.js';
import { PlatformaticDriver } from '../platformatic/platformatic.driver.js';
import { Member, until } from '../testing/member.js';
import type { KafkaDriver } from './kafka-driver.js';

const kafka = useKafka();
const drivers: KafkaDriver[] = [];
afterEach(() => Promise.all(drivers.splice(0).map((driver) => driver.close())));

function open(Driver: typeof KafkajsDriver | typeof PlatformaticDriver): KafkaDriver {
  const driver = new Driver({ brokers: kafka.brokers, clientId: 'mixed', heartbeatMs: 200 });
  drivers.push(driver);
  return driver;
}

describe('a service that changes its driver', () => {
  it.each([
    ['kafkajs to platformatic', KafkajsDriver, PlatformaticDriver],
    ['platformatic to kafkajs', PlatformaticDriver, KafkajsDriver],
  ])('has members of both for a while: %s', async (_what, Before, After) => {
    const before = open(Before);
    const after = open(After);
    const name = `topic-${randomUUID()}`;
    await before.admin().ensureTopics([{ topic: name, partitions: 4, replicationFactor: 1 }]);
    const start = (driver: KafkaDriver): Promise<Member> =>
      new Member(driver.consumer({ group: `g-${name}`, topics: [name] })).start();
    const first = await start(before);
    const second = await start(after);
    await until(() => first.assigned.length === 2 && second.assigned.length === 2);
    const send = (driver: KafkaDriver): Promise<void> =>
      driver
        .producer()
        .send(Array.from({ length: 20 }, (_, i) => ({ topic: name, key: `${i}`, value: `${i}` })));
    await send(before);
    await send(after);
    await until(() => first.records.length + second.records.length === 40);
    // Keys go where they went before.
    const places = new Map<string, Set<number>>();
    for (const { key, partition } of [...first.records, ...second.records]) {
      const place = places.get(String(key)) ?? new Set();
      places.set(String(key), place.add(partition));
    }
    expect([...places.values()].map((place) => place.size)).toEqual(Array(20).fill(1));
    await before.close();
    await second.until(() => second.assigned.length === 4);
  });
});

describe('static membership', () => {
  it('K28: takes over its partitions without a rebalance', async () => {
    const name = `topic-${randomUUID()}`;
    const others = open(PlatformaticDriver);
    await others.admin().ensureTopics([{ topic: name, partitions: 4, replicationFactor: 1 }]);
    const start = (driver: KafkaDriver, instanceId: string): Promise<Member> =>
      new Member(driver.consumer({ group: `g-${name}`, topics: [name], instanceId })).start();
    const one = await start(open(PlatformaticDriver), 'one');
    const two = await start(others, 'two');
    await until(() => one.assigned.length === 2 && two.assigned.length === 2);
    const { assigned, generations } = two;
    const kept = one.assigned;
    await one.consumer.close();
    const again = await start(open(PlatformaticDriver), 'one');
    expect(again.assigned).toEqual(kept);
    await others.producer().send(
      Array.from({ length: 8 }, (_, i) => ({
        topic: name,
        partition: i % 4,
        key: null,
        value: 'x',
      })),
    );
    await until(() => again.records.length + two.records.length === 8);
    expect(two.generations).toBe(generations);
    expect(two.assigned).toEqual(assigned);
  });
});
