import { randomUUID } from 'node:crypto';
import { UnitOfWork } from '@rookery/persistence';
import { useApp, useDatabase, useMessages } from '@rookery/testing';
import {
  OrderCancelled,
  ReserveStock,
  StockRefused,
  StockReleased,
  StockReserved,
  StockRestocked,
} from '@shop/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import { InventoryModule } from '../inventory.module.js';
import { Stock } from '../stock/stock.repository.js';
import { ReservationHandler } from './reservation.handler.js';

const database = useDatabase();
const app = useApp(InventoryModule, { database });
const messages = useMessages({
  contracts: [ReserveStock, StockReserved, StockRefused, OrderCancelled, StockRestocked],
  topics: ['orders.replies'],
  apps: [app],
});

let orderId: string;

beforeEach(async () => {
  orderId = randomUUID();
  for (const [sku, available] of Object.entries({ tea: 10, cup: 2 })) {
    await app.get(Stock).put({ sku, name: sku, unit_price: 100, currency: 'EUR', available });
  }
});

const inTransaction = <T>(work: (handler: ReservationHandler) => Promise<T>): Promise<T> =>
  app.get(UnitOfWork).run(() => work(app.get(ReservationHandler)));
const available = async (sku: string): Promise<number | undefined> =>
  (await app.get(Stock).find(sku))?.available;
const lines = (tea: number, cup: number) => [
  { sku: 'tea', quantity: tea },
  { sku: 'cup', quantity: cup },
];

describe('reserving stock', () => {
  it('takes all lines, once however often it is asked', async () => {
    for (let time = 0; time < 2; time++) {
      const answer = await inTransaction((handler) =>
        handler.reserve({ orderId, lines: lines(3, 2) }),
      );
      expect(answer.contract).toBe(StockReserved);
    }
    expect([await available('tea'), await available('cup')]).toEqual([7, 0]);
  });

  it('takes nothing when one article is short, and says which', async () => {
    const answer = await inTransaction((handler) =>
      handler.reserve({ orderId, lines: lines(3, 3) }),
    );
    expect(answer).toMatchObject({
      contract: StockRefused,
      data: { reason: 'OUT_OF_STOCK', skus: ['cup'] },
    });
    expect([await available('tea'), await available('cup')]).toEqual([10, 2]);
  });

  it('refuses an article that nobody sells', async () => {
    const answer = await inTransaction((handler) =>
      handler.reserve({ orderId, lines: [{ sku: 'ghost', quantity: 1 }] }),
    );
    expect(answer.data).toMatchObject({ reason: 'UNKNOWN_SKU', skus: ['ghost'] });
  });

  it('never sells more than there is, with many orders at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        inTransaction((handler) =>
          handler.reserve({ orderId: randomUUID(), lines: [{ sku: 'tea', quantity: 1 }] }),
        ),
      ),
    );
    expect(answers.filter(({ contract }) => contract === StockReserved)).toHaveLength(10);
    expect(await available('tea')).toBe(0);
  });
});

describe('releasing stock', () => {
  it('gives everything back, once', async () => {
    await inTransaction((handler) => handler.reserve({ orderId, lines: lines(3, 2) }));
    for (let time = 0; time < 2; time++) {
      const answer = await inTransaction((handler) => handler.release({ orderId }));
      expect(answer.contract).toBe(StockReleased);
    }
    expect([await available('tea'), await available('cup')]).toEqual([10, 2]);
  });

  it('refuses a reservation that comes after its release', async () => {
    await inTransaction((handler) => handler.release({ orderId }));
    const answer = await inTransaction((handler) =>
      handler.reserve({ orderId, lines: lines(1, 1) }),
    );
    expect(answer.contract).toBe(StockRefused);
    expect(await available('tea')).toBe(10);
  });
});

describe('a cancelled order', () => {
  it('is restocked and announced, once', async () => {
    await inTransaction((handler) => handler.reserve({ orderId, lines: lines(3, 2) }));
    await inTransaction((handler) => handler.restock({ orderId }));
    await inTransaction((handler) => handler.restock({ orderId }));
    expect([await available('tea'), await available('cup')]).toEqual([10, 2]);
  });
});

describe('over the broker', () => {
  const ask = { replyTo: 'orders.replies' };

  it('answers each reservation, and one that comes twice with the same answer', async () => {
    const command = { orderId, lines: lines(1, 0).slice(0, 1) };
    for (let time = 0; time < 2; time++) {
      await messages.send(ReserveStock, command, { ...ask, id: `reserve-${orderId}` });
    }
    await messages.send(ReserveStock, { orderId: randomUUID(), lines: lines(1, 9) }, ask);
    await messages.published(StockRefused);
    await messages.idle();
    const replies = messages.all(StockReserved).map(({ context }) => context);
    expect(replies).toMatchObject([
      { inReplyTo: `reserve-${orderId}`, topic: 'orders.replies' },
      { inReplyTo: `reserve-${orderId}`, topic: 'orders.replies' },
    ]);
    expect(await available('tea')).toBe(9);
  });

  it('announces the restocking of a cancelled order, unless nothing was set aside for it', async () => {
    await messages.publish(OrderCancelled, { orderId });
    await messages.nothingPublished(StockRestocked);
    const other = randomUUID();
    await messages.send(ReserveStock, { orderId: other, lines: lines(2, 1) }, ask);
    await messages.published(StockReserved);
    await messages.publish(OrderCancelled, { orderId: other });
    const { data } = await messages.published(StockRestocked);
    expect(data).toEqual({ orderId: other, lines: lines(2, 1).reverse() });
    expect(messages.deadLetters).toEqual([]);
  });
});

describe('the HTTP interface', () => {
  it('shows and sets stock for those who may', async () => {
    const put = await app.request('/inventory/stock/gaiwan', {
      method: 'PUT',
      scopes: ['inventory:write'],
      body: { name: 'Gaiwan', unitPrice: 19_900, currency: 'EUR', available: 1 },
    });
    expect(put.status).toBe(204);
    const one = await app.request('/inventory/stock/gaiwan', { scopes: ['inventory:read'] });
    expect(one.body).toEqual({
      sku: 'gaiwan',
      name: 'Gaiwan',
      unitPrice: 19_900,
      currency: 'EUR',
      available: 1,
    });
    expect((await app.request('/inventory/stock', { scopes: [] })).status).toBe(403);
    expect((await app.request('/inventory/stock')).status).toBe(401);
    const none = await app.request('/inventory/stock/ghost', { scopes: ['inventory:read'] });
    expect(none.status).toBe(404);
  });
});
