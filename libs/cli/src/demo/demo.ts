import { setTimeout as pause } from 'node:timers/promises';
import { audit, type Finding } from './audit.js';
import { FATES, type Fate } from './fates.js';
import type { DemoArticle, PlacedOrder } from './placed-order.js';
import { ShopClient, type ShopAddress } from './shop-client.js';

/** How a demo runs. */
export interface DemoOptions extends ShopAddress {
  /** How many orders to place; default 60. */
  readonly orders?: number;
  /** How many of them at once; default 8. */
  readonly concurrency?: number;
  /** How long an order may take to its end; default 120 s. */
  readonly patienceMs?: number;
  /**
   * Whether every order must have the fate dealt to it. Off, an order that would have gone well
   * may also end rejected because a service was away too long. Default true.
   */
  readonly strict?: boolean;
  /** Where each line goes; default standard output. */
  readonly print?: (line: string) => void;
}

/** What a demo found. */
export interface DemoReport {
  readonly orders: readonly PlacedOrder[];
  /** What is not as it must be; empty when all is well. */
  readonly findings: readonly Finding[];
  /** Requests that had to be repeated because a service was away. */
  readonly repeats: number;
}

const POLL_MS = 100;
const RARE_PIECES = 3;
const DAY_MS = 86_400_000;
const TERMINAL = new Set(['shipped', 'rejected', 'cancelled']);

/** Places orders of mixed fate through the gateway, follows each to its end and adds up. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { orders = 60, concurrency = 8, patienceMs = 120_000, strict = true } = options;
  const print = options.print ?? ((line) => process.stdout.write(`${line}\n`));
  const client = new ShopClient(options);
  const run = Date.now().toString(36);
  const articles: Record<Fate['article'], DemoArticle> = {
    plenty: { sku: `demo-${run}-tea`, unitPrice: 890, stock: orders * 3 },
    rare: { sku: `demo-${run}-gaiwan`, unitPrice: 19_900, stock: RARE_PIECES },
  };
  for (const { sku, unitPrice, stock } of Object.values(articles)) {
    const answer = await client.put(`/inventory/stock/${sku}`, {
      name: sku,
      unitPrice,
      currency: 'EUR',
      available: stock,
    });
    if (answer.status !== 204)
      throw new Error(`stock of ${sku} refused: ${JSON.stringify(answer)}`);
  }
  await refusesUnknownArticle(client);

  const placed: PlacedOrder[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < orders) {
      const number = ++next;
      const fate = FATES[(number - 1) % FATES.length] as Fate;
      const order = await follow(client, number, fate, articles[fate.article], patienceMs);
      placed.push(order);
      print(lineOf(order));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, orders) }, worker));

  const findings = await audit(client, placed, articles, strict);
  return { orders: placed, findings, repeats: client.repeats };
}

async function refusesUnknownArticle(client: ShopClient): Promise<void> {
  const answer = await client.post('/orders', {
    lines: [{ sku: 'no-such-article', quantity: 1 }],
    paymentMethod: 'tok_visa',
  });
  if (answer.status !== 404) {
    throw new Error(`an unknown article must be answered 404: ${JSON.stringify(answer)}`);
  }
}

async function follow(
  client: ShopClient,
  number: number,
  fate: Fate,
  article: DemoArticle,
  patienceMs: number,
): Promise<PlacedOrder> {
  const started = performance.now();
  const quantity = fate.article === 'rare' ? 1 : 1 + (number % 3);
  const answer = await client.post('/orders', {
    lines: [{ sku: article.sku, quantity }],
    paymentMethod: fate.paymentMethod,
    ...(fate.cancelled ? { dispatchAt: new Date(Date.now() + DAY_MS).toISOString() } : {}),
  });
  if (answer.status !== 202) throw new Error(`order ${number} refused: ${JSON.stringify(answer)}`);
  const orderId = String(answer.body['orderId']);
  let order = answer.body;
  while (!TERMINAL.has(String(order['status'])) && performance.now() - started < patienceMs) {
    if (fate.cancelled && order['status'] === 'approved') {
      await client.post(`/orders/${orderId}/cancel`);
    }
    await pause(POLL_MS);
    order = (await client.get(`/orders/${orderId}`)).body;
  }
  return {
    number,
    fate,
    orderId,
    sku: article.sku,
    quantity,
    total: article.unitPrice * quantity,
    traceId: (order['traceId'] as string | null) ?? null,
    status: String(order['status']),
    reason: (order['reason'] as string | null) ?? null,
    elapsedMs: Math.round(performance.now() - started),
  };
}

function lineOf({
  number,
  fate,
  orderId,
  status,
  reason,
  elapsedMs,
  traceId,
}: PlacedOrder): string {
  return [
    `#${number}`.padEnd(5),
    status.padEnd(9),
    `${elapsedMs} ms`.padStart(9),
    ` ${fate.name}${reason === null ? '' : ` (${reason})`}`.padEnd(50),
    `order ${orderId}`,
    `trace ${traceId ?? '-'}`,
  ].join(' ');
}
