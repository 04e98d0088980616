import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import {
  defineEvent,
  MessagePublisher,
  OnEvent,
  type DataOf,
  type MessageContext,
} from '@rookery/messaging';
import { Transactional } from '@rookery/persistence';
import { TypeOrmTransactions } from '@rookery/persistence/typeorm';
import { useApp, useDatabase, useKafka, useMessages } from '@rookery/testing';
import { DataSource, EntitySchema } from 'typeorm';
import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { RookeryModule } from './rookery.module.js';

interface Order {
  id: string;
  state: string;
}

const OrderEntity = new EntitySchema<Order>({
  name: 'orders',
  columns: { id: { type: 'text', primary: true }, state: { type: 'text' } },
});

const Placed = defineEvent('ormspec.placed', {
  topic: 'ormspec.events',
  owner: 'ormspec',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string() }) },
});

let failures = 0;
let tries: string[] = [];

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

  @OnEvent(Placed, { retry: { attempts: 3, backoff: { initial: 1 } } })
  async ship({ id }: DataOf<typeof Placed>, { attempt }: MessageContext): Promise<void> {
    tries.push(`${id}/${attempt}`);
    await this.transactions.manager.save(OrderEntity, { id: `${id}-shipment`, state: 'made' });
    if (failures-- > 0) throw new Error('not yet');
  }

  async stored(): Promise<string[]> {
    const orders = await this.transactions.repository(OrderEntity).find({ order: { id: 'asc' } });
    return orders.map(({ id }) => id);
  }
}

/** As the `TypeOrmModule` of `@nestjs/typeorm` does it. */
@Module({
  providers: [
    {
      provide: DataSource,
      useFactory: () =>
        new DataSource({
          type: 'postgres',
          url: database.url,
          entities: [OrderEntity],
          synchronize: true,
        }).initialize(),
    },
  ],
  exports: [DataSource],
})
class OrmModule implements OnApplicationShutdown {
  constructor(private readonly dataSource: DataSource) {}

  onApplicationShutdown(): Promise<void> {
    return this.dataSource.destroy();
  }
}

@Module({
  imports: [
    { module: OrmModule, global: true },
    RookeryModule.forRoot({ name: 'ormspec', persistence: { orm: 'typeorm' }, messaging: true }),
  ],
  providers: [Orders],
})
class OrdersModule {}

const database = useDatabase();
const kafka = useKafka();
const app = useApp(OrdersModule, { database, kafka });
const messages = useMessages({ contracts: [Placed], apps: [app], kafka });

beforeEach(() => {
  tries = [];
  failures = 0;
});

it('sends what a transaction of TypeORM published once it has committed, and handles it in one', async () => {
  const orders = app.get(Orders);
  await expect(orders.place('lost', true)).rejects.toThrow('on purpose');
  failures = 1;
  await orders.place('a');
  await messages.idle();
  expect(messages.all(Placed).map(({ data }) => data.id)).toEqual(['a']);
  expect(tries).toEqual(['a/1', 'a/2']);
  expect(await orders.stored()).toEqual(['a', 'a-shipment']);
});

it('has an effect once, though the message comes twice', async () => {
  await app.get(Orders).place('b');
  await app.get(Orders).place('b');
  await messages.idle();
  expect(messages.all(Placed)).toHaveLength(2);
  expect(tries).toEqual(['b/1']);
});
