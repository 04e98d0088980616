import { createServer } from 'node:net';
import { Writable } from 'node:stream';
import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { HealthRegistry, Lifecycle, systemClock, type HealthResult } from '@rookery/core';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { createLogger, ObservabilityModule } from '@rookery/observability';
import { afterEach, describe, expect, it } from 'vitest';
import {
  KAFKA_DRIVER,
  kafkaOptions,
  KafkaModule,
  MemoryBroker,
  type KafkaDriver,
} from './index.js';

const NEVER = new AbortController().signal;
const open: TestingModule[] = [];
let lines: string[] = [];

afterEach(async () => {
  for (const app of open.splice(0)) {
    await app.get(Lifecycle).stop();
    await app.close();
  }
  lines = [];
});

async function create(
  environment: Record<string, string>,
  memory?: MemoryBroker,
): Promise<TestingModule> {
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => (lines.push(chunk.toString()), done()),
  });
  const app = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(ConfigStore.of('orders', {}, environment)),
      ObservabilityModule.forRoot({
        logger: createLogger({ app: 'orders', instance: 'orders-1', destination }),
      }),
      KafkaModule.forRoot(memory === undefined ? {} : { memory }),
    ],
  }).compile();
  open.push(app);
  await app.init();
  return app;
}

async function healthOf(app: TestingModule, name: string): Promise<HealthResult | undefined> {
  const all = app.get(HealthRegistry).contributors('ready');
  return all.find((contributor) => contributor.name === name)?.check(NEVER);
}

describe('KafkaModule', () => {
  it('gives the driver that the configuration names', async () => {
    const memory = new MemoryBroker();
    const app = await create({ KAFKA_DRIVER: 'memory' }, memory);
    const driver = app.get<KafkaDriver>(KAFKA_DRIVER);
    expect(driver.name).toBe('memory');
    await driver.producer().send([{ topic: 't', key: 'k', value: 'x' }]);
    expect(memory.records('t')).toHaveLength(1);
    expect((await create({})).get<KafkaDriver>(KAFKA_DRIVER).name).toBe('kafkajs');
    const other = await create({ KAFKA_DRIVER: 'platformatic', KAFKA_INSTANCE_ID: 'orders-1' });
    expect(other.get<KafkaDriver>(KAFKA_DRIVER).name).toBe('platformatic');
  });

  it.each([
    ['an address without a port', { KAFKA_BROKERS: 'localhost' }, /kafka\.brokers.*host:port/],
    ['a driver that there is not', { KAFKA_DRIVER: 'rabbit' }, /kafka\.driver/],
    [
      'static membership of a driver that lacks it',
      { KAFKA_INSTANCE_ID: 'orders-1' },
      /kafka\.instanceId.*kafkajs has no static membership; use kafka\.driver: platformatic/,
    ],
    ['heartbeats that come too late', { KAFKA_HEARTBEAT: '6s' }, /kafka\.heartbeat.*at most half/],
    [
      'less time to finish than a session lasts',
      { KAFKA_REBALANCE_TIMEOUT: '5s' },
      /kafka\.rebalanceTimeout.*at least/,
    ],
    [
      'a way to authenticate that there is not',
      { KAFKA_SASL_MECHANISM: 'x', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'hush' },
      /^(?!.*hush).*kafka\.sasl\.mechanism/,
    ],
    [
      'a private key without its certificate, which it does not show',
      { KAFKA_TLS_KEY: 'hush' },
      /^(?!.*hush).*kafka\.tls\.cert/,
    ],
  ])('K24: refuses %s', async (_what, environment, message) => {
    await expect(create(environment as never)).rejects.toThrow(message);
  });

  it('K24: refuses options that there are not', async () => {
    const store = ConfigStore.of('orders', { kafka: { groupId: 'x' } }, {});
    expect(() => store.namespace('kafka', kafkaOptions)).toThrow(/kafka\.groupId|groupId/);
  });

  it('starts what needs a broker only once there is one, and is not ready before', async () => {
    const port = await freePort();
    const app = await create({ KAFKA_BROKERS: `127.0.0.1:${port}` });
    const order: string[] = [];
    const lifecycle = app.get(Lifecycle);
    lifecycle.onStart('consumers', 'spec', () => void order.push('consumers'));
    const started = lifecycle.start();
    expect(await healthOf(app, 'kafka')).toMatchObject({ status: 'down' });
    while (!lines.some((line) => line.includes('does not answer'))) await systemClock.sleep(10);
    expect(order).toEqual([]);
    const kafka = await EmbeddedKafka.start({ port });
    await started;
    expect(order).toEqual(['consumers']);
    await systemClock.sleep(2_100);
    expect(await healthOf(app, 'kafka')).toEqual({ status: 'up' });
    expect(await healthOf(app, 'kafka-consumers')).toMatchObject({ status: 'up' });
    await kafka.stop();
  });

  it('gives up waiting when the service stops', async () => {
    const app = await create({ KAFKA_BROKERS: `127.0.0.1:${await freePort()}` });
    const lifecycle = app.get(Lifecycle);
    const started = lifecycle.start();
    while (!lines.some((line) => line.includes('does not answer'))) await systemClock.sleep(10);
    await Promise.all([lifecycle.stop(), started.catch(() => undefined)]);
    expect(lifecycle.started).toBe(false);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
