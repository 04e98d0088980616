import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useApp, useDatabase } from '@rookery/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrderView } from '../order/order.view.js';
import { OrdersModule } from '../orders.module.js';

/** Inventory as orders sees it: prices over HTTP. */
let inventory: Server;
let asked = 0;
const PRICES: Readonly<Record<string, unknown>> = {
  tea: { sku: 'tea', unitPrice: 890, currency: 'EUR' },
  dollar: { sku: 'dollar', unitPrice: 100, currency: 'USD' },
};

beforeAll(async () => {
  inventory = createServer((request, response) => {
    asked++;
    const price = PRICES[request.url?.split('/').at(-1) ?? ''];
    response.writeHead(price === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(price ?? {}));
  });
  await new Promise<void>((resolve) => inventory.listen(0, '127.0.0.1', resolve));
});

afterAll(() => new Promise((resolve) => inventory.close(resolve)));

const database = useDatabase();
const app = useApp(OrdersModule, {
  database,
  services: () => ({
    inventory: `http://127.0.0.1:${(inventory.address() as AddressInfo).port}`,
  }),
});

const ORDER = { lines: [{ sku: 'tea', quantity: 2 }], paymentMethod: 'tok_visa' };
const place = (body: unknown, headers: Record<string, string> = {}, subject = 'alice') =>
  app.request<OrderView & { code: string; errors: { field: string }[] }>('/orders', {
    body,
    headers,
    subject,
    scopes: ['orders:write', 'orders:read'],
  });
const see = (orderId: string, subject = 'alice') =>
  app.request<OrderView>(`/orders/${orderId}`, { subject, scopes: ['orders:read'] });

describe('placing an order', () => {
  it('is accepted with its price, its address and its trace', async () => {
    const placed = await place(ORDER);
    expect(placed.status).toBe(202);
    expect(placed.headers.get('location')).toBe(`/orders/${placed.body.orderId}`);
    expect(placed.body).toMatchObject({
      status: 'pending',
      total: { amount: 1_780, currency: 'EUR' },
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect((await see(placed.body.orderId)).body.orderId).toBe(placed.body.orderId);
  });

  it('with the same idempotency key is the same order, also when it comes twice at once', async () => {
    const key = { 'idempotency-key': 'the-same-key-1' };
    const answers = await Promise.all([place(ORDER, key), place(ORDER, key), place(ORDER, key)]);
    expect(new Set(answers.map(({ body }) => body.orderId)).size).toBe(1);
    const other = await place(ORDER, key, 'bob');
    expect(other.body.orderId).not.toBe(answers[0]?.body.orderId);
  });

  it('is announced in the transaction that writes it', async () => {
    const { body } = await place(ORDER);
    const { rows } = await database.unitOfWork.query<{ count: string }>(
      'select count(*) from orders where order_id = $1',
      [body.orderId],
    );
    expect(Number(rows[0]?.count)).toBe(1);
  });

  it.each([
    [{ ...ORDER, lines: [] }, 'lines'],
    [{ ...ORDER, lines: [{ sku: 'tea', quantity: 0 }] }, 'lines.0.quantity'],
    [{ ...ORDER, lines: [...ORDER.lines, ...ORDER.lines] }, 'lines'],
    [{ ...ORDER, paymentMethod: '4111 1111 1111 1111' }, 'paymentMethod'],
    [{ ...ORDER, total: 1 }, 'total'],
  ])('is refused for %j, naming %s', async (body, field) => {
    const { status, body: problem } = await place(body);
    expect(status).toBe(400);
    expect(problem.errors.map((error) => error.field)).toContain(field);
  });

  it.each([
    ['ghost', 404, 'SHOP_ORDERS_UNKNOWN_ARTICLE'],
    ['dollar', 422, 'SHOP_ORDERS_MIXED_CURRENCIES'],
  ])('of tea and %s is answered %i', async (sku, status, code) => {
    asked = 0;
    const answer = await place({ ...ORDER, lines: [...ORDER.lines, { sku, quantity: 1 }] });
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
    // An article that does not exist is no reason to ask again.
    expect(asked).toBe(2);
  });
});

describe("somebody else's order", () => {
  it('is answered like none at all', async () => {
    const { body } = await place(ORDER);
    expect((await see(body.orderId, 'mallory')).status).toBe(404);
    const cancelled = await app.request(`/orders/${body.orderId}/cancel`, {
      method: 'POST',
      subject: 'mallory',
      scopes: ['orders:write'],
    });
    expect(cancelled.status).toBe(404);
  });
});

describe('cancelling', () => {
  it('is refused for an order that is not approved', async () => {
    const { body } = await place({
      ...ORDER,
      dispatchAt: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const answer = await app.request<{ code: string; orderStatus: string }>(
      `/orders/${body.orderId}/cancel`,
      { method: 'POST', subject: 'alice', scopes: ['orders:write'] },
    );
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({
      code: 'SHOP_ORDERS_NOT_CANCELLABLE',
      orderStatus: 'pending',
    });
  });
});
