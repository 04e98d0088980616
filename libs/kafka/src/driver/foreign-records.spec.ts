import { randomUUID } from 'node:crypto';
import { Producer } from '@platformatic/kafka';
import { useKafka } from '@rookery/testing/kafka';
import { seededRandom } from '@rookery/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { KafkajsDriver } from '../kafkajs/kafkajs.driver.js';
import { PlatformaticDriver } from '../platformatic/platformatic.driver.js';
import { Member } from '../testing/member.js';
import type { KafkaDriver } from './kafka-driver.js';

const kafka = useKafka();
const drivers: KafkaDriver[] = [];
afterEach(() => Promise.all(drivers.splice(0).map((driver) => driver.close())));

/** Bytes that can be packed, but not to nothing. */
function text(seed: number, length: number): Buffer {
  const random = seededRandom(seed);
  const words = Array.from({ length: 200 }, () => random().toString(36).slice(2));
  let result = '';
  while (result.length < length) result += `${words[Math.floor(random() * 200)]} `;
  return Buffer.from(result.slice(0, length));
}

describe.each([
  ['kafkajs', KafkajsDriver],
  ['platformatic', PlatformaticDriver],
] as const)('what others wrote, read by %s', (_name, Driver) => {
  async function written(
    messages: { value: Buffer | null; headers?: Map<Buffer, Buffer | null> }[],
    compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd',
  ): Promise<Member> {
    const driver = new Driver({ brokers: kafka.brokers, clientId: 'foreign' });
    drivers.push(driver);
    const topic = `topic-${randomUUID()}`;
    await driver.admin().ensureTopics([{ topic, partitions: 1, replicationFactor: 1 }]);
    const producer = new Producer({ clientId: 'other', bootstrapBrokers: [...kafka.brokers] });
    await producer.send({
      messages: messages.map((message) => ({ topic, ...message })) as never,
      compression,
    });
    await producer.close();
    const member = new Member(driver.consumer({ group: `g-${topic}`, topics: [topic] }));
    await member.start();
    await member.until(() => member.records.length === messages.length);
    return member;
  }

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('packed by %s', async (codec) => {
    const values = [1, 50, 3_000, 100_000, 300_000].map((length, i) => text(i, length));
    const { records } = await written(
      [...values, Buffer.alloc(0), Buffer.alloc(200_000, 'a')].map((value) => ({ value })),
      codec,
    );
    expect(records.slice(0, 5).map(({ value }, i) => value?.equals(values[i] as Buffer))).toEqual(
      Array(5).fill(true),
    );
    expect(records[5]?.value).toHaveLength(0);
    expect(records[6]?.value?.equals(Buffer.alloc(200_000, 'a'))).toBe(true);
  });

  it('with headers that have no value', async () => {
    const headers = new Map([
      [Buffer.from('none'), null],
      [Buffer.from('some'), Buffer.from('x')],
      [Buffer.from('none'), Buffer.from('y')],
    ]);
    const { records } = await written([{ value: null, headers }], 'none');
    const [first] = records;
    expect(first?.value).toBeNull();
    const none = first?.headers['none'] as Buffer[];
    expect(none.map(String)).toEqual(['', 'y']);
    expect(String(first?.headers['some'])).toBe('x');
  });
});
