import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  CommitFencedError,
  KafkaClosedError,
  partitionOf,
  type IncomingRecord,
  type TopicPartition,
} from '../index.js';
import { Member } from '../testing/member.js';
import { eachDriver, useDrivers } from '../testing/each-driver.js';

describe.each(eachDriver())('K26: a Kafka driver: %s', (_name, create) => {
  const { open, topic, member } = useDrivers(create);

  it('keeps keys, values, headers and times as they were sent', async () => {
    const { driver, topic: name } = await topic(1);
    await driver.producer().send([
      {
        topic: name,
        key: 'k',
        value: Buffer.from([0, 255, 1]),
        headers: { text: 'é', bytes: Buffer.from([0, 1]), many: ['a', Buffer.from('b')] },
        timestamp: 1_700_000_000_123,
      },
      { topic: name, key: null, value: null },
    ]);
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await reader.until(() => reader.records.length === 2);
    const [first, second] = reader.records as [IncomingRecord, IncomingRecord];
    expect(first).toMatchObject({
      topic: name,
      partition: 0,
      offset: 0,
      timestamp: 1_700_000_000_123,
    });
    expect(first.key?.toString()).toBe('k');
    expect([...(first.value ?? [])]).toEqual([0, 255, 1]);
    expect(String(first.headers['text'])).toBe('é');
    expect([...(first.headers['bytes'] as Buffer)]).toEqual([0, 1]);
    expect((first.headers['many'] as Buffer[]).map(String)).toEqual(['a', 'b']);
    expect(second).toMatchObject({ key: null, value: null, offset: 1 });
  });

  it('sends all records of a key, in order, to the partition that Java clients would choose', async () => {
    const { driver, topic: name } = await topic(5);
    const producer = driver.producer();
    const keys = ['order-1', 'order-2', 'order-3', 'order-4'];
    for (let i = 0; i < 50; i += 1) {
      await producer.send(keys.map((key) => ({ topic: name, key, value: `${key}:${i}` })));
    }
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await reader.until(() => reader.records.length === 200);
    for (const key of keys) {
      const own = reader.records.filter((record) => String(record.key) === key);
      expect(new Set(own.map(({ partition }) => partition))).toEqual(
        new Set([partitionOf(Buffer.from(key), 5)]),
      );
      expect(own.map(({ value }) => String(value))).toEqual(
        Array.from({ length: 50 }, (_, i) => `${key}:${i}`),
      );
    }
  });

  it('takes a send larger than one batch may be', async () => {
    const { driver, topic: name } = await topic(1);
    const value = Buffer.alloc(100_000, 'x');
    await driver
      .producer()
      .send(Array.from({ length: 30 }, () => ({ topic: name, key: 'k', value })));
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await reader.until(() => reader.records.length === 30);
    expect(reader.records.map(({ offset }) => offset)).toEqual([...Array(30).keys()]);
  });

  it('begins at the end when asked to', async () => {
    const { driver, topic: name } = await topic(1);
    const producer = driver.producer();
    await producer.send([{ topic: name, key: 'k', value: 'old' }]);
    const reader = await member({ group: 'g-' + name, topics: [name], startFrom: 'latest' });
    await reader.consumer.commit([{ topic: name, partition: 0, offset: 1 }]);
    await producer.send([{ topic: name, key: 'k', value: 'new' }]);
    await reader.until(() => reader.records.length > 0);
    expect(reader.values()).toEqual(['new']);
  });

  it('goes on where the group committed', async () => {
    const { driver, topic: name } = await topic(1);
    const producer = driver.producer();
    await producer.send(['a', 'b', 'c'].map((value) => ({ topic: name, key: 'k', value })));
    const first = await member({ group: 'g-' + name, topics: [name] });
    await first.until(() => first.records.length === 3);
    await first.consumer.commit([{ topic: name, partition: 0, offset: 2 }]);
    await first.consumer.close();
    const second = await member({ group: 'g-' + name, topics: [name] });
    await second.until(() => second.records.length > 0);
    expect(second.values()).toEqual(['c']);
  });

  it('shares partitions, after the former owner has finished and committed', async () => {
    const { driver, topic: name } = await topic(4);
    const group = 'g-' + name;
    const producer = driver.producer();
    await producer.send(
      [0, 1, 2, 3].map((partition) => ({ topic: name, partition, key: null, value: 'before' })),
    );
    const first = await member({ group, topics: [name] });
    await first.until(() => first.records.length === 4);
    first.onRevoked = async (partitions) => {
      await first.consumer.commit(partitions.map((at) => ({ ...at, offset: 1 })));
      first.log.push('committed');
    };
    const second = await member({ group, topics: [name] });
    await first.until(() => first.log.length === 4);
    expect(first.log).toEqual(['assigned', 'revoked', 'committed', 'assigned']);
    expect(first.assigned).toHaveLength(2);
    expect(second.assigned).toHaveLength(2);
    await producer.send(
      [0, 1, 2, 3].map((partition) => ({ topic: name, partition, key: null, value: 'after' })),
    );
    await second.until(() => second.records.length === 2);
    await first.until(() => first.records.length === 6);
    expect(second.values()).toEqual(['after', 'after']);
  });

  it('gives members only partitions of the topics they subscribe to', async () => {
    const { topic: one } = await topic(2);
    const { topic: two } = await topic(2);
    const group = 'g-' + one;
    const both = await member({ group, topics: [one, two] });
    const only = await member({ group, topics: [one] });
    await both.until(() => both.log.length === 3);
    const topics = (partitions: readonly TopicPartition[]): string[] =>
      partitions.map((at) => at.topic);
    expect(topics(only.assigned).every((name) => name === one)).toBe(true);
    expect([...topics(only.assigned), ...topics(both.assigned)].sort()).toEqual(
      [one, one, two, two].sort(),
    );
  });

  it('hands the partitions of a member that leaves to the others', async () => {
    const { topic: name } = await topic(2);
    const group = 'g-' + name;
    const first = await member({ group, topics: [name] });
    const second = await member({ group, topics: [name] });
    await first.until(() => first.log.length === 3);
    await first.consumer.close();
    await second.until(() => second.assigned.length === 2);
    expect(first.consumer.status.state).toBe('closed');
  });

  it('refuses commits for partitions of another member', async () => {
    const { topic: name } = await topic(2);
    const group = 'g-' + name;
    const first = await member({ group, topics: [name] });
    const second = await member({ group, topics: [name] });
    await first.until(() => first.log.length === 3);
    const [foreign] = second.assigned;
    await expect(
      first.consumer.commit([{ topic: name, partition: foreign?.partition ?? -1, offset: 1 }]),
    ).rejects.toBeInstanceOf(CommitFencedError);
    await first.consumer.close();
    await expect(
      first.consumer.commit([{ topic: name, partition: 0, offset: 1 }]),
    ).rejects.toBeInstanceOf(CommitFencedError);
  });

  it('leaves a paused partition alone while the others go on', async () => {
    const { driver, topic: name } = await topic(2);
    const reader = await member({ group: 'g-' + name, topics: [name] });
    reader.consumer.pause([{ topic: name, partition: 0 }]);
    const producer = driver.producer();
    for (let i = 0; i < 3; i += 1) {
      await producer.send(
        [0, 1].map((partition) => ({ topic: name, partition, key: null, value: `${partition}` })),
      );
    }
    await reader.until(() => reader.records.length >= 3);
    expect(new Set(reader.values())).toEqual(new Set(['1']));
    reader.consumer.resume([{ topic: name, partition: 0 }]);
    await reader.until(() => reader.records.length === 6);
    expect(reader.values().filter((value) => value === '0')).toHaveLength(3);
  });

  it('reads a partition that comes back while the others have nothing', async () => {
    const { driver, topic: name } = await topic(3);
    const reader = await member({ group: 'g-' + name, topics: [name] });
    const producer = driver.producer();
    const send = (partition: number): Promise<void> =>
      producer.send([{ topic: name, partition, key: null, value: `${partition}` }]);
    await send(0);
    await reader.until(() => reader.records.length === 1);
    for (let i = 2; i <= 7; i += 1) {
      const at = [{ topic: name, partition: i % 3 }];
      reader.consumer.pause(at);
      await send(i % 3);
      reader.consumer.resume(at);
      const start = performance.now();
      await reader.until(() => reader.records.length === i);
      expect(performance.now() - start).toBeLessThan(1_500);
    }
  });

  it('reads a partition that was paused before a rebalance', async () => {
    const { driver, topic: name } = await topic(2);
    const group = 'g-' + name;
    const first = await member({ group, topics: [name] });
    first.consumer.pause([0, 1].map((partition) => ({ topic: name, partition })));
    const second = await member({ group, topics: [name] });
    await first.until(() => first.log.length === 3);
    await driver
      .producer()
      .send([0, 1].map((partition) => ({ topic: name, partition, key: null, value: 'x' })));
    await first.until(() => first.records.length === 1);
    await second.until(() => second.records.length === 1);
    expect([...first.values(), ...second.values()]).toEqual(['x', 'x']);
  });

  it('reads again from where it is told to', async () => {
    const { driver, topic: name } = await topic(1);
    await driver
      .producer()
      .send(['a', 'b', 'c'].map((value) => ({ topic: name, key: 'k', value })));
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await reader.until(() => reader.records.length === 3);
    reader.consumer.seek({ topic: name, partition: 0, offset: 1 });
    await reader.until(() => reader.records.length === 5);
    expect(reader.values()).toEqual(['a', 'b', 'c', 'b', 'c']);
  });

  it('wakes an idle reader at once', async () => {
    const { driver, topic: name } = await topic(1);
    const producer = driver.producer();
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await producer.send([{ topic: name, key: 'k', value: 'warm' }]);
    await reader.until(() => reader.records.length === 1);
    const times: number[] = [];
    for (let i = 2; i <= 11; i += 1) {
      const start = performance.now();
      await producer.send([{ topic: name, key: 'k', value: 'x' }]);
      await reader.until(() => reader.records.length === i);
      times.push(performance.now() - start);
    }
    expect(times.sort((a, b) => a - b)[5]).toBeLessThan(100);
  });

  it('creates topics that are missing, once, with the partitions asked for', async () => {
    const driver = await open();
    const admin = driver.admin();
    const name = `topic-${randomUUID()}`;
    expect(await admin.ensureTopics([{ topic: name, partitions: 7 }])).toEqual([name]);
    expect(await admin.ensureTopics([{ topic: name, partitions: 7 }])).toEqual([]);
    expect(await admin.lag('g-' + name, [name])).toHaveLength(7);
  });

  it('creates topics that can be written to at once, also when many are created at a time', async () => {
    const driver = await open();
    const producer = driver.producer();
    // Brokers of Kafka hear of a topic only after its creation was acknowledged.
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const name = `topic-${randomUUID()}`;
        // Each with a connection of its own, as several services would.
        const admin = driver.admin();
        expect(await admin.ensureTopics([{ topic: name, partitions: 4 }])).toEqual([name]);
        await producer.send([{ topic: name, key: 'k', value: 'x' }]);
        const lags = await admin.lag('g-' + name, [name]);
        expect(lags.reduce((sum, { end }) => sum + end, 0)).toBe(1);
      }),
    );
  });

  it('says so when it is asked about a topic that does not exist', async () => {
    const driver = await open();
    if (driver.name === 'memory') return;
    const admin = driver.admin();
    await expect(admin.lag('g', [`missing-${randomUUID()}`])).rejects.toMatchObject({
      code: 'RKY_KAFKA_REQUEST',
    });
    // And is none the worse for it.
    await admin.ping();
  });

  it('K17, K21: joins the group as named, and none for a producer', async () => {
    const { driver, topic: name } = await topic(1);
    await driver.producer().send([{ topic: name, key: 'k', value: 'x' }]);
    expect(driver.consumers).toEqual([]);
    const reader = await member({ group: `exactly.${name}`, topics: [name] });
    expect(reader.consumer.status.group).toBe(`exactly.${name}`);
    await reader.until(() => reader.records.length === 1);
    await reader.consumer.commit([{ topic: name, partition: 0, offset: 1 }]);
    const admin = driver.admin();
    expect(await admin.lag(`exactly.${name}`, [name])).toMatchObject([{ committed: 1 }]);
    expect(await admin.lag(`exactly.${name}-server`, [name])).toMatchObject([{ lag: 1 }]);
  });

  it('tells how far a group is behind', async () => {
    const { driver, topic: name } = await topic(1);
    const group = 'g-' + name;
    await driver
      .producer()
      .send(['a', 'b', 'c'].map((value) => ({ topic: name, key: 'k', value })));
    const admin = driver.admin();
    expect(await admin.lag(group, [name])).toEqual([
      { topic: name, partition: 0, committed: undefined, end: 3, lag: 3 },
    ]);
    const reader = await member({ group, topics: [name] });
    await reader.consumer.commit([{ topic: name, partition: 0, offset: 2 }]);
    expect(await admin.lag(group, [name])).toEqual([
      { topic: name, partition: 0, committed: 2, end: 3, lag: 1 },
    ]);
  });

  it('closes all that it handed out', async () => {
    const { driver, topic: name } = await topic(1);
    const producer = driver.producer();
    await producer.send([{ topic: name, key: 'k', value: 'x' }]);
    const reader = new Member(driver.consumer({ group: 'g-' + name, topics: [name] }));
    await reader.start();
    expect(driver.consumers).toMatchObject([{ group: 'g-' + name, state: 'running', crashes: 0 }]);
    await driver.close();
    expect(driver.consumers).toEqual([]);
    await expect(producer.send([{ topic: name, key: 'k', value: 'x' }])).rejects.toBeInstanceOf(
      KafkaClosedError,
    );
  });
});
