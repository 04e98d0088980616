import { setTimeout as pause } from 'node:timers/promises';
import type { DemoArticle, PlacedOrder } from './placed-order.js';
import type { ShopClient } from './shop-client.js';

/** Something that is not as it must be. */
export interface Finding {
  readonly orderId?: string;
  readonly problem: string;
}

/** How long effects that nobody waits for (a refund, a restock) may take to be seen. */
const SETTLE_MS = 30_000;
const POLL_MS = 250;

/**
 * Compares what became of the orders with what the contexts hold: every order ended, with the fate
 * dealt to it, and stock, money and shipments add up.
 */
export async function audit(
  client: ShopClient,
  orders: readonly PlacedOrder[],
  articles: Readonly<Record<string, DemoArticle>>,
  strict: boolean,
): Promise<Finding[]> {
  const fates = orders.flatMap((order) => checkFate(order, strict));
  const ended = performance.now() + SETTLE_MS;
  for (;;) {
    const books = (
      await Promise.all([
        ...orders.map((order) => checkBooks(client, order)),
        ...Object.values(articles).map((article) => checkStock(client, article, orders)),
      ])
    ).flat();
    if (books.length === 0 || performance.now() > ended) return [...fates, ...books];
    await pause(POLL_MS);
  }
}

function checkFate(order: PlacedOrder, strict: boolean): Finding[] {
  const { orderId, fate, status, reason, traceId } = order;
  const findings: Finding[] = [];
  const soldOut = fate.article === 'rare' && status === 'rejected' && reason === 'OUT_OF_STOCK';
  const timedOut = !strict && status === 'rejected' && /TIMEOUT|DEADLINE/.test(reason ?? '');
  if (status !== fate.ends && !soldOut && !timedOut) {
    findings.push({ orderId, problem: `${fate.name}: ${status} (${reason}), not ${fate.ends}` });
  } else if (status === 'rejected' && !soldOut && !timedOut && !fate.reason?.test(reason ?? '')) {
    findings.push({ orderId, problem: `${fate.name}: rejected for ${reason}` });
  }
  if (traceId === null) findings.push({ orderId, problem: 'has no trace' });
  return findings;
}

const PAYMENT: Readonly<Record<string, readonly string[]>> = {
  shipped: ['captured'],
  cancelled: ['refunded'],
  rejected: ['refused', 'voided', 'refunded', 'none'],
};

const SHIPMENT: Readonly<Record<string, string>> = {
  shipped: 'dispatched',
  cancelled: 'cancelled',
  rejected: 'none',
};

async function checkBooks(client: ShopClient, order: PlacedOrder): Promise<Finding[]> {
  const { orderId, status, total } = order;
  const findings: Finding[] = [];
  const payment = await client.get(`/payments/${orderId}`);
  const paid = payment.status === 404 ? 'none' : String(payment.body['status']);
  if (!PAYMENT[status]?.includes(paid)) {
    findings.push({ orderId, problem: `is ${status}, its payment ${paid}` });
  }
  const captured = (payment.body['total'] as { amount?: number } | undefined)?.amount;
  if (status === 'shipped' && captured !== total) {
    findings.push({ orderId, problem: `costs ${total}, ${captured} was taken` });
  }
  const shipment = await client.get(`/shipping/${orderId}`);
  const shipped = shipment.status === 404 ? 'none' : String(shipment.body['status']);
  if (SHIPMENT[status] !== shipped) {
    findings.push({ orderId, problem: `is ${status}, its shipment ${shipped}` });
  }
  return findings;
}

async function checkStock(
  client: ShopClient,
  { sku, stock }: DemoArticle,
  orders: readonly PlacedOrder[],
): Promise<Finding[]> {
  const sold = orders
    .filter((order) => order.sku === sku && order.status === 'shipped')
    .reduce((sum, { quantity }) => sum + quantity, 0);
  const left = (await client.get(`/inventory/stock/${sku}`)).body['available'];
  return left === stock - sold
    ? []
    : [{ problem: `${sku}: ${stock} at first, ${sold} shipped, but ${String(left)} left` }];
}
