import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeData, encodeData } from './contract/contract-codec.js';
import { defineEvent } from './contract/define-contract.js';
import { messagingMigrations } from './messaging.migrations.js';
import { TestService, uniqueEvent, until } from './testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const ROWS = 10_000;

const Placed = defineEvent('bench.placed', {
  topic: 'bench.events',
  owner: 'bench',
  key: (data) => data.orderId,
  versions: {
    1: z.object({
      orderId: z.uuid(),
      customer: z.string(),
      total: z.string(),
      lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1),
    }),
  },
});
const placed = {
  orderId: '0197d1a0-7e3e-7cc0-8000-000000000001',
  customer: 'c-1',
  total: '12.50',
  lines: [
    { sku: 'a', quantity: 1 },
    { sku: 'b', quantity: 2 },
  ],
};

describe('contracts', () => {
  it('validates an order on its way out and in', async ({ bench }) => {
    const json = JSON.stringify(placed);
    const { latency } = await bench('validate, write, read, validate', () => {
      JSON.stringify(encodeData(Placed, placed));
      decodeData(Placed, 1, JSON.parse(json));
    }).run();
    expect(latency.p50).toBeLessThan(0.05);
  });
});

describe('messages on PostgreSQL and a Kafka broker', () => {
  let kafka: EmbeddedKafka;
  beforeAll(async () => void (kafka = await EmbeddedKafka.start({})));
  afterAll(() => kafka.stop());
  beforeEach(() => db.clear());
  afterEach(() => TestService.stopAll());

  const service = (): Promise<TestService> =>
    TestService.create('bench', { host: db.unitOfWork, brokers: kafka.brokers });

  it('relays a backlog', async () => {
    const { engine } = await service();
    await db.unitOfWork.query(
      `insert into rookery_outbox (lane, topic, key, value, headers)
       select n % 16, 'bench.relay', ('k' || n % 200)::bytea, repeat('x', 300)::bytea,
              '{"ce_id":"0197d1a0-7e3e-7cc0-8000-000000000001","ce_type":"bench.placed"}'
         from generate_series(1, ${ROWS}) as n`,
    );
    const start = performance.now();
    engine.startRelay();
    await until(async () => (await engine.outbox.backlog()).pending === 0);
    const rate = (ROWS / (performance.now() - start)) * 1_000;
    report('outbox rows relayed per second', rate);
    // With room for a machine that has other things to do.
    expect(rate).toBeGreaterThan(1_000);
  });

  it('handles a backlog, each message in a transaction of its own', async () => {
    const Happened = uniqueEvent();
    const writer = await service();
    writer.engine.startRelay();
    const count = 2_000;
    await db.unitOfWork.run(async () => {
      for (let n = 0; n < count; n += 1) {
        await writer.engine.publisher.publish(Happened, { key: `k${n % 100}`, n });
      }
    });
    await until(async () => (await writer.engine.outbox.backlog()).pending === 0);
    await writer.stop();
    const reader = await service();
    let handled = 0;
    reader.engine.runtime.subscribe({
      consumer: 'bench',
      contracts: [Happened],
      handle: async () => void (handled += 1),
    });
    const start = performance.now();
    await reader.start();
    await until(() => handled === count);
    const rate = (count / (performance.now() - start)) * 1_000;
    report('messages handled per second', rate);
    expect(rate).toBeGreaterThan(200);
  });

  it('passes a message over five hops while idle', async () => {
    const hops = Array.from({ length: 5 }, uniqueEvent);
    const { engine, start } = await service();
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
    report('milliseconds over five hops, median', times[50] ?? 0);
    report('milliseconds over five hops, 99th percentile', times[98] ?? 0);
    expect(times[50]).toBeLessThan(150);
  });
});

function report(what: string, value: number): void {
  process.stdout.write(`${JSON.stringify({ what, value: Math.round(value * 10) / 10 })}\n`);
}
