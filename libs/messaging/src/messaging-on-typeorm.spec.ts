import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { Lifecycle } from '@rookery/core';
import { KafkaModule } from '@rookery/kafka';
import { ObservabilityModule } from '@rookery/observability';
import { Transactional } from '@rookery/persistence';
import { TypeOrmPersistenceModule, TypeOrmTransactions } from '@rookery/persistence/typeorm';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { DataOf } from './contract/contract.js';
import { defineEvent } from './contract/define-contract.js';
import type { MessageContext } from './handler/message-context.js';
import { OnEvent } from './handler/on-event.decorator.js';
import { messagingMigrations } from './messaging.migrations.js';
import { MessagingModule } from './messaging.module.js';
import { MessagePublisher } from './publish/message-publisher.js';
import { uniqueName, until } from './testing/test-service.js';

interface Order {
  id: string;
  state: string;
}

const OrderEntity = new EntitySchema<Order>({
  name: 'orders',
  columns: { id: { type: 'text', primary: true }, state: { type: 'text' } },
});

const name = uniqueName();
const Placed = defineEvent(`${name}.placed`, {
  topic: `${name}.events`,
  owner: 'ormspec',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string() }) },
});

const db = useDatabase();
const kafka = useKafka();
let failures = 0;
let tries: string[] = [];
let app: TestingModule;
let dataSource: DataSource;

@Injectable()
class Orders {
  constructor(
    private readonly transactions: TypeOrmTransactions,
    private readonly messages: MessagePublisher,
  ) {}

  @Transactional()
  async place(id: string, fails = false): Promise<void> {
    await this.transactions.repository(OrderEntity).save({ id, state: 'placed' });
    await this.messages.publish(Placed, { id }, { id: `placed-${id}` });
    if (fails) throw new Error('on purpose');
  }

  @OnEvent(Placed)
  async ship({ id }: DataOf<typeof Placed>, { attempt }: MessageContext): Promise<void> {
    tries.push(`${id}/${attempt}`);
    await this.transactions.manager.save(OrderEntity, { id: `${id}-shipment`, state: 'made' });
    if (failures-- > 0) throw new Error('not yet');
  }
}

beforeAll(async () => {
  dataSource = new DataSource({
    type: 'postgres',
    url: db.url,
    entities: [OrderEntity],
    synchronize: true,
  });
  await dataSource.initialize();
  @Module({ providers: [{ provide: DataSource, useValue: dataSource }], exports: [DataSource] })
  class OrmModule {}
  const store = ConfigStore.of(name, {
    kafka: { brokers: kafka.brokers },
    messaging: { retry: { attempts: 3, backoff: { initial: 1 } } },
  });
  app = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot(),
      { module: OrmModule, global: true },
      TypeOrmPersistenceModule.forRoot({ migrations: [messagingMigrations], migrate: true }),
      KafkaModule.forRoot(),
      MessagingModule.forRoot(),
    ],
    providers: [Orders],
  }).compile();
  await app.init();
  await app.get(Lifecycle).start();
});
afterAll(async () => {
  await app.get(Lifecycle).stop();
  await app.close();
  await dataSource.destroy();
});
beforeEach(() => {
  tries = [];
  failures = 0;
});

const stored = async (): Promise<string[]> =>
  (await dataSource.getRepository(OrderEntity).find({ order: { id: 'asc' } })).map(({ id }) => id);

it('sends what a transaction of TypeORM published once it has committed, and handles it in one', async () => {
  const orders = app.get(Orders);
  await expect(orders.place('lost', true)).rejects.toThrow('on purpose');
  failures = 1;
  await orders.place('a');
  await until(() => tries.length === 2);
  await until(async () => (await stored()).length === 2);
  expect(tries).toEqual(['a/1', 'a/2']);
  expect(await stored()).toEqual(['a', 'a-shipment']);
});

it('has an effect once, though the message comes twice', async () => {
  const orders = app.get(Orders);
  await orders.place('b');
  await until(async () => (await stored()).includes('b-shipment'));
  await orders.place('b');
  await orders.place('c');
  await until(async () => (await stored()).includes('c-shipment'));
  expect(tries).toEqual(['b/1', 'c/1']);
});
