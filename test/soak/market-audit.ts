import { deadLetterTopic } from '@rookery/messaging';
import type { KafkaDriver } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import { systemClock } from '@rookery/core';
import { audit, type Findings } from '../crash/audit.js';
import type { Order } from '../crash/service-protocol.js';
import { CUSTOMERS, MONEY, OrderPlaced, SKUS, STOCK } from './market.js';

/** What became of all orders. */
export interface MarketAudit {
  readonly orders: number;
  readonly poison: readonly string[];
  readonly stock: Findings;
  readonly money: Findings;
  /** What is missing of stock or money, or too much. */
  readonly stockOff: number;
  readonly moneyOff: number;
  readonly paidOff: number;
}

type Hosts = Readonly<Record<'shop' | 'warehouse', TransactionHost>>;

/** Compares what was ordered with what the databases say happened. */
export async function auditMarket({ shop, warehouse }: Hosts): Promise<MarketAudit> {
  const one = async (host: TransactionHost, statement: string): Promise<number> =>
    Number((await host.query<{ value: unknown }>(statement)).rows[0]?.value);
  const { rows: all } = await shop.query<Order & { poison: boolean }>(
    'select id, sku, seq, poison from orders',
  );
  const orders = all.filter(({ poison }) => !poison);
  const effects = async (host: TransactionHost): Promise<Order[]> =>
    (await host.query<Order>('select id, sku, seq from effects order by n')).rows;
  const sold = await one(warehouse, 'select coalesce(sum(quantity), 0) as value from effects');
  const left = await one(warehouse, 'select sum(stock) as value from products');
  const paid = await one(shop, 'select coalesce(sum(price), 0) as value from effects');
  const due = await one(
    shop,
    'select coalesce(sum(price), 0) as value from orders where not poison',
  );
  const balances = await one(shop, 'select sum(balance) as value from accounts');
  const tills = await one(
    shop,
    `select sum(balance) as value from accounts where owner like 'sku-%'`,
  );
  return {
    orders: all.length,
    poison: all.filter(({ poison }) => poison).map(({ id }) => id),
    stock: audit(orders, await effects(warehouse)),
    money: audit(orders, await effects(shop)),
    stockOff: left + sold - SKUS.length * STOCK,
    moneyOff: balances - CUSTOMERS.length * MONEY,
    paidOff: Math.abs(tills - paid) + Math.abs(paid - due),
  };
}

/** Values of all dead letters, each once: records may be stored twice. */
export async function deadLetters(driver: KafkaDriver): Promise<string[]> {
  const topic = deadLetterTopic(OrderPlaced.topic);
  const admin = driver.admin();
  const ends = await admin.lag('nobody', [topic]);
  const expected = ends.reduce((sum, { end }) => sum + end, 0);
  const values = new Set<string>();
  let read = 0;
  const consumer = driver.consumer({ group: 'dead-letter-audit', topics: [topic] });
  await consumer.start({
    onAssigned: () => {},
    onRevoked: async () => {},
    onRecords: ({ records }) => {
      read += records.length;
      for (const { value } of records) values.add(String(value));
    },
  });
  const deadline = AbortSignal.timeout(30_000);
  while (read < expected) await systemClock.sleep(10, deadline);
  await consumer.close();
  await admin.close();
  return [...values];
}
