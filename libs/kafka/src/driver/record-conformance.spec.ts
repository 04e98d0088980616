import { describe, expect, it } from 'vitest';
import { type IncomingRecord } from '../index.js';
import { eachDriver, useDrivers } from '../testing/each-driver.js';

describe.each(eachDriver())('what becomes of a record: %s', (_name, create) => {
  const { topic, member } = useDrivers(create);

  it('tells apart what is empty, absent and repeated', async () => {
    const { driver, topic: name } = await topic(1);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await driver.producer().send([
      { topic: name, key: '', value: '' },
      { topic: name, key: 'gone', value: null },
      {
        topic: name,
        key: bytes,
        value: bytes,
        headers: { '': 'no name', empty: '', twice: ['1', '1'], bytes, ümlaut: 'ß' },
      },
    ]);
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await reader.until(() => reader.records.length === 3);
    const [empty, tombstone, third] = reader.records;
    expect([empty?.key?.length, empty?.value?.length]).toEqual([0, 0]);
    expect([String(tombstone?.key), tombstone?.value]).toEqual(['gone', null]);
    expect([third?.key, third?.value].map((value) => value?.equals(bytes))).toEqual([true, true]);
    const { headers } = third as IncomingRecord;
    expect(Object.keys(headers).sort()).toEqual(['', 'bytes', 'empty', 'twice', 'ümlaut']);
    expect((headers['twice'] as Buffer[]).map(String)).toEqual(['1', '1']);
    expect((headers['empty'] as Buffer).length).toBe(0);
    expect((headers['bytes'] as Buffer).equals(bytes)).toBe(true);
    expect(String(headers['ümlaut'])).toBe('ß');
  });

  it('has nothing to do for an empty send', async () => {
    const { driver, topic: name } = await topic(1);
    await driver.producer().send([]);
    expect(await driver.admin().lag('g-' + name, [name])).toMatchObject([{ end: 0, lag: 0 }]);
  });

  it('writes to the partition and at the time that a record names', async () => {
    const { driver, topic: name } = await topic(3);
    await driver.producer().send(
      [2, 0, 1].map((partition) => ({
        topic: name,
        partition,
        key: 'k',
        value: 'x',
        timestamp: partition,
      })),
    );
    const reader = await member({ group: 'g-' + name, topics: [name] });
    await reader.until(() => reader.records.length === 3);
    expect(reader.records.every(({ partition, timestamp }) => partition === timestamp)).toBe(true);
  });

  it('refuses a record that is larger than the broker takes, and goes on', async () => {
    const { driver, topic: name } = await topic(1);
    if (driver.name === 'memory') return;
    const producer = driver.producer();
    const value = Buffer.alloc(1_048_577);
    await expect(producer.send([{ topic: name, key: 'k', value }])).rejects.toMatchObject({
      code: 'RKY_KAFKA_SEND',
      topics: [name],
      message: expect.stringMatching(/larger|too.large/i),
    });
    await producer.send([{ topic: name, key: 'k', value: value.subarray(0, 1_000_000) }]);
    expect(await driver.admin().lag('g-' + name, [name])).toMatchObject([{ end: 1 }]);
  });
});
