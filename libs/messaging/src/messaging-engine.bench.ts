import { systemClock } from '@rookery/core';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import type { KafkaDriver, OutgoingRecord } from '@rookery/kafka';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messagingMigrations } from './messaging.migrations.js';
import { median, reportJson } from './testing/test-report.js';
import {
  TestService,
  uniqueEvent,
  until,
  type TestServiceOptions,
} from './testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
let kafka: EmbeddedKafka;

beforeAll(async () => void (kafka = await EmbeddedKafka.start({})));
afterAll(() => kafka.stop());
beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

const service = (name: string, options: TestServiceOptions = {}): Promise<TestService> =>
  TestService.create(
    name,
    { host: db.unitOfWork, brokers: kafka.brokers },
    { sampling: 0.1, ...options },
  );

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Publishes many messages and waits until the broker has them. */
async function publishAll(event: ReturnType<typeof uniqueEvent>, count: number): Promise<void> {
  const writer = await service('bench-writer');
  writer.engine.startRelay();
  for (let from = 0; from < count; from += 500) {
    await db.unitOfWork.run(async () => {
      for (let n = from; n < Math.min(count, from + 500); n += 1) {
        await writer.engine.publisher.publish(event, { key: `k${n % 100}`, n });
      }
    });
  }
  await until(async () => (await writer.engine.outbox.backlog()).pending === 0);
  await writer.stop();
}

describe('the outbox', () => {
  const ROWS = 20_000;
  const BATCH = 500;
  const value = Buffer.alloc(300, 'x');
  const headers = { ce_id: '0197d1a0-7e3e-7cc0-8000-000000000001', ce_type: 'bench.placed' };

  /** Rows per second that a relay takes from the table to the broker. */
  async function relayed(): Promise<number> {
    const { engine } = await service('bench-relay');
    await db.unitOfWork.query(
      `insert into rookery_outbox (lane, topic, key, value, headers)
       select n % 16, 'bench.relay', ('k' || n % 200)::bytea, $1::bytea, $2::json
         from generate_series(1, ${ROWS}) as n`,
      [value, JSON.stringify(headers)],
    );
    const start = performance.now();
    engine.startRelay();
    await until(async () => (await engine.outbox.backlog()).pending === 0);
    const rate = (ROWS / (performance.now() - start)) * 1_000;
    await TestService.stopAll();
    return rate;
  }

  /** Records per second that the bare producer sends, in batches as the relay's. */
  async function sent(): Promise<number> {
    const { driver } = await service('bench-bare');
    await driver.admin().ensureTopics([{ topic: 'bench.relay', partitions: 6 }]);
    const producer = driver.producer();
    const batch = Array.from({ length: BATCH }, (_, n): OutgoingRecord => ({
      topic: 'bench.relay',
      key: `k${n % 200}`,
      value,
      headers,
    }));
    await producer.send(batch);
    const start = performance.now();
    for (let rows = 0; rows < ROWS; rows += BATCH) await producer.send(batch);
    const rate = (ROWS / (performance.now() - start)) * 1_000;
    await TestService.stopAll();
    return rate;
  }

  it('is relayed, beside the bare producer', async () => {
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      bare.push(await sent());
      ours.push(await relayed());
    }
    reportJson('relay', {
      rowsPerSecond: median(ours),
      target: 10_000,
      bareProducerPerSecond: median(bare),
      ratio: median(ours) / median(bare),
    });
    expect(ours).toHaveLength(5);
  }, 120_000);

  it('is acknowledged soon after a commit, when idle', async () => {
    const Happened = uniqueEvent();
    let acknowledged: () => void = () => {};
    const wrap = (driver: KafkaDriver): KafkaDriver => ({
      name: driver.name,
      consumers: driver.consumers,
      consumer: (options) => driver.consumer(options),
      admin: () => driver.admin(),
      close: () => driver.close(),
      producer: () => {
        const producer = driver.producer();
        return {
          send: async (records) => {
            await producer.send(records);
            acknowledged();
          },
          close: () => producer.close(),
        };
      },
    });
    const { engine } = await service('bench-ack', { wrap });
    engine.startRelay();
    const times: number[] = [];
    for (let n = 0; n < 320; n += 1) {
      // Idle: longer than the relay looks for more after a send.
      await systemClock.sleep(20);
      const acknowledgement = new Promise<void>((resolve) => (acknowledged = resolve));
      let committed = 0;
      await db.unitOfWork.run(async () => {
        await engine.publisher.publish(Happened, { key: `k${n}` });
        db.unitOfWork.afterCommit(() => void (committed = performance.now()));
      });
      await acknowledgement;
      if (n >= 20) times.push(Math.max(0, performance.now() - committed));
    }
    times.sort((a, b) => a - b);
    reportJson('commit to acknowledgement, milliseconds', {
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      target: 50,
    });
    expect(times).toHaveLength(300);
  }, 120_000);
});

describe('handlers', () => {
  it('handle a backlog, each message in a transaction with its memory', async () => {
    const COUNT = 5_000;
    const Happened = uniqueEvent();
    await publishAll(Happened, COUNT);
    const reader = await service('bench-reader');
    let handled = 0;
    reader.engine.runtime.subscribe({
      consumer: 'bench',
      contracts: [Happened],
      handle: async () => void (handled += 1),
    });
    await reader.start();
    await until(() => handled > 0);
    const [start, already] = [performance.now(), handled];
    await until(() => handled === COUNT);
    reportJson('inbox', {
      handledPerSecond: ((COUNT - already) / (performance.now() - start)) * 1_000,
    });
    expect(handled).toBe(COUNT);
  }, 120_000);

  it('pass a message over five hops, when idle', async () => {
    const hops = Array.from({ length: 5 }, uniqueEvent);
    const { engine, start } = await service('bench-hops');
    let arrived: () => void = () => {};
    hops.forEach((hop, i) => {
      engine.runtime.subscribe({
        consumer: `hop-${i}`,
        contracts: [hop],
        handle: async (data) => {
          const next = hops[i + 1];
          if (next === undefined) db.unitOfWork.afterCommit(arrived);
          else await engine.publisher.publish(next, data);
        },
      });
    });
    await start();
    const times: number[] = [];
    for (let i = 0; i < 100; i += 1) {
      const end = new Promise<void>((resolve) => (arrived = resolve));
      const begin = performance.now();
      await engine.publisher.publish(hops[0] as (typeof hops)[number], { key: `order-${i}` });
      await end;
      times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    reportJson('five hops, milliseconds', {
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
    });
    expect(times).toHaveLength(100);
  }, 120_000);

  it('are given the time to finish at a stop, and nothing is handled again', async () => {
    const COUNT = 5_000;
    const Happened = uniqueEvent();
    await publishAll(Happened, COUNT);
    const seen = new Map<number, number>();
    const reader = async (): Promise<TestService> => {
      const made = await service('bench-drain');
      made.engine.runtime.subscribe({
        consumer: 'drain',
        contracts: [Happened],
        // Nothing that the inbox could hide: what is delivered twice is counted twice.
        effects: 'at-least-once',
        handle: async ({ n = -1 }) => {
          await systemClock.sleep(1);
          seen.set(n, (seen.get(n) ?? 0) + 1);
        },
      });
      await made.start();
      return made;
    };
    const first = await reader();
    await until(() => seen.size > COUNT / 4);
    const begin = performance.now();
    await first.engine.stopConsumers();
    const milliseconds = performance.now() - begin;
    await reader();
    await until(() => seen.size === COUNT);
    const redelivered = [...seen.values()].filter((times) => times > 1).length;
    reportJson('drain', { milliseconds, target: 1_000, redelivered });
    expect(redelivered).toBe(0);
  }, 120_000);
});

describe('at rest', () => {
  it('service and broker hardly use the processor', async () => {
    const { engine, start } = await service('bench-idle', { heartbeatMs: 3_000 });
    engine.runtime.subscribe({
      consumer: 'idle',
      contracts: [uniqueEvent()],
      handle: async () => {},
    });
    await start();
    await systemClock.sleep(2_000);
    const before = process.cpuUsage();
    await systemClock.sleep(10_000);
    const { user, system } = process.cpuUsage(before);
    reportJson('idle for ten seconds', { cpuMilliseconds: (user + system) / 1_000 });
    expect(user).toBeGreaterThan(0);
  }, 60_000);
});
