import { randomUUID } from 'node:crypto';
import { VirtualClock } from '@rookery/core/testing';
import { UnitOfWork } from '@rookery/persistence';
import { useApp, useDatabase } from '@rookery/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ShippingModule } from '../shipping.module.js';
import { Dispatcher } from './dispatcher.js';
import { ShipmentHandler } from './shipment.handler.js';
import { Shipments } from './shipments.repository.js';

const HOUR_MS = 3_600_000;
const clock = new VirtualClock(Date.now());
const database = useDatabase();
const app = useApp(ShippingModule, { database, clock });

let orderId: string;
beforeEach(async () => {
  orderId = randomUUID();
  await app.get(Dispatcher).dispatchDue();
});

const create = (dispatchAt?: number) =>
  app.get(UnitOfWork).run(() =>
    app.get(ShipmentHandler).create({
      orderId,
      lines: [{ sku: 'tea', quantity: 1 }],
      ...(dispatchAt === undefined ? {} : { dispatchAt: new Date(dispatchAt).toISOString() }),
    }),
  );
const status = async (): Promise<string | undefined> =>
  (await app.get(Shipments).find(orderId))?.status;

describe('a shipment', () => {
  it('leaves at once when nothing else is wished, and is the same when asked for again', async () => {
    const [first, second] = [await create(), await create()];
    expect(second).toEqual(first);
    expect(await status()).toBe('dispatched');
    const view = await app.request(`/shipping/${orderId}`, { scopes: ['shipping:read'] });
    expect(view.body).toMatchObject({
      status: 'dispatched',
      trackingNumber: expect.stringMatching(/^RK[0-9A-F]{16}$/),
    });
  });

  it('waits for its time, then leaves once', async () => {
    await create(clock.now() + HOUR_MS);
    expect(await app.get(Dispatcher).dispatchDue()).toBe(0);
    expect(await status()).toBe('scheduled');
    await app
      .get(UnitOfWork)
      .query('update shipment set dispatch_at = to_timestamp($1) where order_id = $2', [
        clock.now() / 1_000,
        orderId,
      ]);
    const counts = await Promise.all([1, 2, 3].map(() => app.get(Dispatcher).dispatchDue()));
    expect(counts.reduce((sum, count) => sum + count)).toBe(1);
    expect(await status()).toBe('dispatched');
  });

  it('stays when its order is cancelled in time', async () => {
    await create(clock.now() + HOUR_MS);
    await app.get(UnitOfWork).run(() => app.get(ShipmentHandler).cancel({ orderId }));
    expect(await status()).toBe('cancelled');
  });
});
