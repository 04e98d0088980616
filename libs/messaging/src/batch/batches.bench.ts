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
  TestService.create('bench-batch', { host: db.unitOfWork, brokers: kafka.brokers });

it('handles a backlog in batches, each in one transaction', async () => {
  const Happened = uniqueEvent();
  const writer = await service();
  writer.engine.startRelay();
  const count = 10_000;
  await db.unitOfWork.run(async () => {
    for (let n = 0; n < count; n += 1) {
      await writer.engine.publisher.publish(Happened, { key: `k${n % 100}`, n });
    }
  });
  await until(async () => (await writer.engine.outbox.backlog()).pending === 0);
  await writer.stop();
  const reader = await service();
  let handled = 0;
  reader.engine.runtime.subscribeBatches({
    consumer: 'bench-batch',
    event: Happened,
    handle: async (messages) => void (handled += messages.length),
  });
  const start = performance.now();
  await reader.start();
  await until(() => handled === count);
  const rate = (count / (performance.now() - start)) * 1_000;
  reportJson('batches', { handledPerSecond: rate });
  expect(rate).toBeGreaterThan(1_000);
});
