import { connect } from 'node:net';
import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { Lifecycle } from '@rookery/core';
import { KAFKA_DRIVER, KafkaModule, type KafkaDriver } from '@rookery/kafka';
import { ObservabilityModule } from '@rookery/observability';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedKafka, PortInUseError } from '../index.js';
import { TestClient } from '../testing/use-broker.js';
import { EmbeddedKafkaModule } from './index.js';

const isUp = (address = '') =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

/** Needs the broker from its first to its last hook. */
@Injectable()
class Publisher implements OnModuleInit, BeforeApplicationShutdown {
  readonly seen: boolean[] = [];

  constructor(readonly kafka: EmbeddedKafka) {}

  async onModuleInit(): Promise<void> {
    const admin = new TestClient(this.kafka).kafka.admin();
    await admin.connect();
    this.seen.push(await admin.createTopics({ topics: [{ topic: 't' }] }));
    await admin.disconnect();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.seen.push(await isUp(this.kafka.brokers[0]));
  }
}

@Module({ providers: [Publisher], exports: [Publisher] })
class PublisherModule {}

describe('EmbeddedKafkaModule', () => {
  it('starts before what injects it, and stops after it', async () => {
    const app = await Test.createTestingModule({
      imports: [PublisherModule, EmbeddedKafkaModule.forRoot({ nodes: 2 })],
    }).compile();
    await app.init();
    const publisher = app.get(Publisher);
    const { brokers } = app.get(EmbeddedKafka);
    expect(brokers).toHaveLength(2);
    await app.close();
    expect(publisher.seen).toEqual([true, true]);
    expect(await Promise.all(brokers.map(isUp))).toEqual([false, false]);
  });

  it('takes its options from others', async () => {
    @Module({ providers: [{ provide: 'NODES', useValue: 3 }], exports: ['NODES'] })
    class Settings {}
    const app = await Test.createTestingModule({
      imports: [
        EmbeddedKafkaModule.forRootAsync({
          imports: [Settings],
          inject: ['NODES'],
          useFactory: (nodes: number) => ({ nodes }),
        }),
      ],
    }).compile();
    onTestFinished(() => app.close());
    expect(app.get(EmbeddedKafka).brokers).toHaveLength(3);
  });

  it('keeps the application from starting when it cannot start', async () => {
    const { kafka } = await EmbeddedKafkaModule.forTest();
    onTestFinished(() => kafka.stop());
    const imports = [EmbeddedKafkaModule.forRoot({ port: kafka.port })];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(PortInUseError);
  });

  it('serves the KafkaModule of a test, faults included', async () => {
    const module = await EmbeddedKafkaModule.forTest();
    const { kafka, brokers } = module;
    const app = await Test.createTestingModule({
      imports: [
        module,
        ConfigModule.forStore(ConfigStore.of('orders', { kafka: { brokers: [...brokers] } })),
        ObservabilityModule.forRoot(),
        KafkaModule.forRoot(),
      ],
    }).compile();
    await app.init();
    await app.get(Lifecycle).start();
    expect(app.get(EmbeddedKafka)).toBe(kafka);
    const driver = app.get<KafkaDriver>(KAFKA_DRIVER);
    await driver.admin().ensureTopics([{ topic: 't', partitions: 1, replicationFactor: 1 }]);
    let refused = 0;
    kafka.faults.rule(({ api }) =>
      api === 'Produce' && refused++ === 0
        ? { at: 'request', action: 'error', error: 'NOT_ENOUGH_REPLICAS' }
        : undefined,
    );
    await driver.producer().send([{ topic: 't', key: 'k', value: 'v' }]);
    expect(refused).toBeGreaterThan(1);
    await app.get(Lifecycle).stop();
    await app.close();
    expect(await isUp(brokers[0])).toBe(false);
  });
});
