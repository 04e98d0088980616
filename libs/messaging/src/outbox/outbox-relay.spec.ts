import { EmbeddedKafka } from '@rookery/embedded-kafka';
import {
  kafkajsDriver,
  KafkaSendError,
  KafkaUnavailableError,
  MemoryBroker,
  MemoryKafkaDriver,
  type IncomingRecord,
  type KafkaDriver,
} from '@rookery/kafka';
import { seededRandom } from '@rookery/core/testing';
import { systemClock } from '@rookery/core';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { Outbox, type OutboxBacklog } from './outbox.js';
import { OutboxRelay, type OutboxRelayOptions } from './outbox-relay.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 30 });
const OPTIONS: OutboxRelayOptions = {
  batchSize: 100,
  busyPollMs: 5,
  idlePollMs: 250,
  topic: { partitions: 4 },
};

/** What a crowd of relays, and what they are given, is made of. */
class Crowd {
  readonly relays: OutboxRelay[] = [];
  readonly log: string[] = [];
  readonly outbox = new Outbox(db.unitOfWork, () => this.relays.forEach((relay) => relay.ring()));
  readonly #close: (() => Promise<void>)[] = [];

  add(driver: KafkaDriver, options = OPTIONS): OutboxRelay {
    const producer = driver.producer();
    const relay = new OutboxRelay(
      {
        host: db.unitOfWork,
        outbox: this.outbox,
        producer,
        admin: driver.admin(),
        clock: systemClock,
        random: seededRandom(1),
        log: (level, message) => this.log.push(`${level}: ${message}`),
      },
      options,
    );
    this.relays.push(relay);
    this.#close.push(() => producer.close());
    return relay;
  }

  async close(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.stop(AbortSignal.timeout(5_000))));
    await Promise.all(this.#close.map((close) => close()));
  }
}

/** Reads a whole topic, until it has as many records as expected. */
async function readAll(
  driver: KafkaDriver,
  topic: string,
  count: number,
): Promise<IncomingRecord[]> {
  const records: IncomingRecord[] = [];
  const consumer = driver.consumer({ group: `read-${topic}`, topics: [topic] });
  await new Promise<void>((resolve, reject) => {
    const cancel = systemClock.after(30_000, () =>
      reject(new Error(`only ${records.length} records`)),
    );
    void consumer
      .start({
        onAssigned: () => {},
        onRevoked: async () => {},
        onRecords: (batch) => {
          records.push(...batch.records);
          if (records.length < count) return;
          cancel();
          resolve();
        },
      })
      .catch(reject);
  });
  await consumer.close();
  return records;
}

async function drained(outbox: Outbox): Promise<OutboxBacklog> {
  for (;;) {
    const backlog = await outbox.backlog();
    if (backlog.pending === 0) return backlog;
    await systemClock.sleep(10);
  }
}

let crowd: Crowd;
beforeEach(async () => {
  await db.clear();
  crowd = new Crowd();
});
afterEach(() => crowd.close());

describe('relays on PostgreSQL and a Kafka broker', () => {
  let kafka: EmbeddedKafka;
  let driver: KafkaDriver;

  beforeAll(async () => {
    kafka = await EmbeddedKafka.start({});
    driver = await kafkajsDriver({ brokers: kafka.brokers, clientId: 'relays' });
    await db.unitOfWork.query(
      'create table aggregates (key text primary key, version int not null default 0)',
    );
  });
  afterAll(async () => {
    await driver.close();
    await kafka.stop();
  });

  it('K25: lose, repeat and reorder nothing: 3 relays, 12 writers, 20 keys, late commits, rollbacks', async () => {
    for (let i = 0; i < 3; i += 1) crowd.add(driver).start();
    const random = seededRandom(42);
    const keys = Array.from({ length: 20 }, (_, i) => `aggregate-${i}`);
    await db.unitOfWork.query('insert into aggregates select unnest($1::text[])', [keys]);
    let committed = 0;
    let rolledBack = 0;
    const write = async (): Promise<void> => {
      for (let i = 0; i < 120; i += 1) {
        const key = keys[Math.floor(random() * keys.length)] ?? '';
        const fails = random() < 0.05;
        const early = random() * 4;
        const late = random() * 4;
        try {
          await db.unitOfWork.run(async () => {
            // An early transaction id with a late write is what breaks cursors over ids.
            await db.unitOfWork.query('select pg_current_xact_id()');
            await systemClock.sleep(early);
            const { rows } = await db.unitOfWork.query<{ version: number }>(
              'update aggregates set version = version + 1 where key = $1 returning version',
              [key],
            );
            await crowd.outbox.add({ topic: 'ordered', key, value: String(rows[0]?.version) });
            await systemClock.sleep(late);
            if (fails) throw new Error('rolled back on purpose');
          });
          committed += 1;
        } catch (error) {
          expect((error as Error).message).toBe('rolled back on purpose');
          rolledBack += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: 12 }, write));
    await drained(crowd.outbox);
    const records = await readAll(driver, 'ordered', committed);
    const versions = new Map<string, number[]>();
    for (const { key, value } of records) {
      const name = String(key);
      versions.set(name, [...(versions.get(name) ?? []), Number(value)]);
    }
    let inversions = 0;
    for (const seen of versions.values()) {
      inversions += seen.filter((version, i) => version !== i + 1).length;
    }
    expect({ received: records.length, inversions }).toEqual({
      received: committed,
      inversions: 0,
    });
    expect(rolledBack).toBeGreaterThan(20);
  }, 60_000);

  it('send soon after the commit, woken by the doorbell', async () => {
    // So rare a poll that only the doorbell can explain a short time.
    crowd.add(driver, { ...OPTIONS, busyPollMs: 60_000, idlePollMs: 60_000 }).start();
    const consumer = driver.consumer({ group: 'soon', topics: ['soon'] });
    let received: (() => void) | undefined;
    await driver.admin().ensureTopics([{ topic: 'soon', partitions: 1 }]);
    await consumer.start({
      onAssigned: () => {},
      onRevoked: async () => {},
      onRecords: () => received?.(),
    });
    const times: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const arrived = new Promise<void>((resolve) => (received = resolve));
      const start = performance.now();
      await crowd.outbox.add({ topic: 'soon', key: 'k', value: 'x' });
      await arrived;
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    expect(times[10]).toBeLessThan(30_000);
    await consumer.close();
  });

  it('carry bytes, keys and headers through the table unchanged', async () => {
    crowd.add(driver).start();
    const bytes = Buffer.from([0, 255, 128, 10]);
    await crowd.outbox.add({
      topic: 'bytes',
      key: bytes,
      value: bytes,
      headers: { text: 'é"', raw: bytes, many: ['a', bytes] },
    });
    const [record] = (await readAll(driver, 'bytes', 1)) as [IncomingRecord];
    expect(record.key?.equals(bytes)).toBe(true);
    expect(record.value?.equals(bytes)).toBe(true);
    expect(String(record.headers['text'])).toBe('é"');
    expect((record.headers['raw'] as Buffer).equals(bytes)).toBe(true);
    expect((record.headers['many'] as Buffer[])[1]?.equals(bytes)).toBe(true);
  });
});

describe('a relay whose broker fails', () => {
  let broker: MemoryBroker;
  const values = (topic: string): string[] =>
    broker.records(topic).map(({ value }) => String(value));

  beforeEach(() => {
    broker = new MemoryBroker();
    crowd.add(new MemoryKafkaDriver({ broker }));
  });

  it('sends nothing of a transaction that rolled back', async () => {
    crowd.relays[0]?.start();
    await expect(
      db.unitOfWork.run(async () => {
        await crowd.outbox.add({ topic: 't', key: 'k', value: 'never' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await crowd.outbox.add({ topic: 't', key: 'k', value: 'sent' });
    await drained(crowd.outbox);
    expect(values('t')).toEqual(['sent']);
  });

  it('keeps messages in order while the broker is away, and says why it waits', async () => {
    let away = true;
    broker.faults.send = () =>
      away
        ? new KafkaUnavailableError('send', ['127.0.0.1:9092'], new Error('refused'))
        : undefined;
    const relay = crowd.relays[0];
    relay?.start();
    for (const value of ['1', '2', '3']) await crowd.outbox.add({ topic: 't', key: 'k', value });
    while (relay?.lastError === undefined) await systemClock.sleep(5);
    expect(relay.lastError).toBe('refused');
    expect((await crowd.outbox.backlog()).pending).toBe(3);
    away = false;
    await drained(crowd.outbox);
    expect(values('t')).toEqual(['1', '2', '3']);
    while (relay.lastError !== undefined) await systemClock.sleep(5);
    expect(crowd.log[0]).toMatch(/^warn: the outbox cannot send \(refused\); messages wait/);
    expect(crowd.log.at(-1)).toBe('info: the outbox sends again');
  });

  it('sends again what may have been lost, with the same ids and in the same order', async () => {
    let lost = 0;
    broker.faults.acknowledge = () =>
      lost++ === 0 ? new KafkaUnavailableError('send', ['b'], new Error('reset')) : undefined;
    for (const value of ['1', '2']) await crowd.outbox.add({ topic: 't', key: 'k', value });
    crowd.relays[0]?.start();
    await drained(crowd.outbox);
    expect(values('t')).toEqual(['1', '2', '1', '2']);
  });

  it('goes on with other topics when one refuses', async () => {
    let refuses = true;
    broker.faults.send = (records) =>
      refuses && records.some(({ topic }) => topic === 'deleted')
        ? new KafkaSendError(['deleted'], new Error('UNKNOWN_TOPIC'))
        : undefined;
    await crowd.outbox.add({ topic: 'deleted', key: 'a', value: '1' });
    await crowd.outbox.add({ topic: 'good', key: 'a', value: '1' });
    crowd.relays[0]?.start();
    while (values('good').length < 1) await systemClock.sleep(5);
    for (let i = 2; i <= 3; i += 1) {
      await crowd.outbox.add({ topic: 'deleted', key: 'a', value: `${i}` });
      await crowd.outbox.add({ topic: 'good', key: 'a', value: `${i}` });
    }
    while (values('good').length < 3) await systemClock.sleep(5);
    expect(values('deleted')).toEqual([]);
    refuses = false;
    await drained(crowd.outbox);
    expect(values('deleted')).toEqual(['1', '2', '3']);
    expect(values('good')).toEqual(['1', '2', '3']);
  });

  it('sends what is left when it is stopped', async () => {
    const [relay] = crowd.relays;
    for (let i = 0; i < 250; i += 1) {
      await crowd.outbox.add({ topic: 't', key: `${i % 7}`, value: `${i}` });
    }
    relay?.start();
    await relay?.stop(AbortSignal.timeout(5_000));
    expect(values('t')).toHaveLength(250);
    expect(await crowd.outbox.backlog()).toEqual({ pending: 0, oldestSeconds: 0 });
  });

  it('gives up sending at the deadline of the stop', async () => {
    broker.faults.send = () => new KafkaUnavailableError('send', ['b'], new Error('refused'));
    await crowd.outbox.add({ topic: 't', key: 'k', value: 'x' });
    crowd.relays[0]?.start();
    await crowd.relays[0]?.stop(AbortSignal.timeout(200));
    expect(await crowd.outbox.backlog()).toMatchObject({ pending: 1 });
  });
});
