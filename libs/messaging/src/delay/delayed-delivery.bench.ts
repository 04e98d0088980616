import { systemClock } from '@rookery/core';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { reportJson } from '../testing/test-report.js';
import { TestService, uniqueEvent, until } from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
let kafka: EmbeddedKafka;
beforeAll(async () => void (kafka = await EmbeddedKafka.start({})));
afterAll(() => kafka.stop());
afterEach(() => TestService.stopAll());

const service = (): Promise<TestService> =>
  TestService.create('bench-delay', { host: db.unitOfWork, brokers: kafka.brokers });

it('delivers delayed messages while idle, never early', async () => {
  const Happened = uniqueEvent();
  const { engine, start } = await service();
  const due = new Map<number, number>();
  const late: number[] = [];
  engine.runtime.subscribe({
    consumer: 'bench-delay',
    contracts: [Happened],
    handle: async ({ n = 0 }) => void late.push(systemClock.now() - (due.get(n) ?? 0)),
  });
  await start();
  const count = 200;
  const begin = systemClock.now();
  for (let n = 0; n < count; n += 1) {
    const deliverAt = begin + 2_000 + n * 20;
    due.set(n, deliverAt);
    await engine.publisher.publish(Happened, { key: `k${n}`, n }, { deliverAt });
  }
  await until(() => late.length === count);
  late.sort((a, b) => a - b);
  expect(late[0]).toBeGreaterThanOrEqual(0);
  reportJson('delayed messages, milliseconds late', {
    p50: late[count / 2] ?? 0,
    p99: late[count - 3] ?? 0,
  });
  // With room for a machine that has other things to do.
  expect(late[count / 2]).toBeLessThan(1_000);
});

it('moves many messages that are due at once', async () => {
  const { engine } = await service();
  const count = 10_000;
  await db.unitOfWork.query(
    `insert into rookery_delayed_messages (id, due_at, lane, topic, key, value, headers)
     select n::text, clock_timestamp(), n % 16, 'bench.delayed', ('k' || n % 200)::bytea,
            repeat('x', 300)::bytea, '{}'
       from generate_series(1, ${count}) as n`,
  );
  const start = performance.now();
  while ((await engine.delayed.moveDue(500)) > 0);
  const rate = (count / (performance.now() - start)) * 1_000;
  reportJson('delayed messages', { movedPerSecond: rate });
  expect(rate).toBeGreaterThan(1_000);
});
