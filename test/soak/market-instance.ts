import { systemRandom, type Clock } from '@rookery/core';
import type { KafkaDriver } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { createPool, Database, UnitOfWork, type TransactionHost } from '@rookery/persistence';
import type pg from 'pg';
import { MessagingEngine } from '../../libs/messaging/src/messaging-engine.js';
import { messagingOptions } from '../../libs/messaging/src/messaging.options.js';
import { OrderPlaced, StockTaken, type Sale } from './market.js';

export type MarketService = 'shop' | 'warehouse';

/** What all instances tell. */
export interface MarketListener {
  /** An order has gone all the way. */
  onCompleted(sku: string): void;
  onDeadLetter(topic: string, reason: string): void;
}

/** What an instance is made of. */
export interface InstanceParts {
  readonly service: MarketService;
  readonly databaseUrl: string;
  readonly driver: KafkaDriver;
  readonly clock: Clock;
  readonly listener: MarketListener;
}

/** One of the several instances of a service. */
export class MarketInstance {
  private constructor(
    private readonly engine: MessagingEngine,
    private readonly host: TransactionHost,
    private readonly pool: pg.Pool,
    private readonly driver: KafkaDriver,
  ) {}

  static async start(parts: InstanceParts): Promise<MarketInstance> {
    const { service, databaseUrl, driver, clock, listener } = parts;
    const pool = createPool({
      url: databaseUrl,
      poolSize: 20,
      acquireTimeoutMs: 20_000,
      statementTimeoutMs: 20_000,
      lockTimeoutMs: 20_000,
      idleInTransactionTimeoutMs: 20_000,
      idleTimeoutMs: 10_000,
      applicationName: service,
      onError: () => undefined,
    });
    const host = new UnitOfWork(new Database(pool));
    const engine = new MessagingEngine(
      {
        service,
        ...messagingOptions.parse({
          concurrency: 8,
          topics: { partitions: 6 },
          commitInterval: 200,
          retry: { attempts: 4, backoff: { initial: 50, max: 500 } },
        }),
      },
      {
        host,
        driver,
        tracing: new Tracing({ app: service, instance: service }),
        clock,
        random: systemRandom,
        log: (level, message) => {
          if (process.env['SOAK_LOG'] === '1') {
            process.stderr.write(`${service} ${level} ${message}\n`);
          }
        },
        listener: {
          onOutcome: () => {},
          onSkipped: () => {},
          onDeadLetter: (topic, reason) => listener.onDeadLetter(topic, reason),
          onSent: () => {},
          onFailure: () => {},
          measureLag: async () => {},
        },
      },
    );
    const instance = new MarketInstance(engine, host, pool, driver);
    if (service === 'warehouse') instance.#takeStock();
    else instance.#takeMoney(listener);
    engine.startRelay();
    await engine.startConsumers(new AbortController().signal);
    return instance;
  }

  /** Takes an order: the next of its product. */
  async place(order: Omit<Sale, 'seq'>): Promise<void> {
    const { host, engine } = this;
    await host.run(async () => {
      const { rows } = await host.query<{ seq: number }>(
        'update products set seq = seq + 1 where sku = $1 returning seq',
        [order.sku],
      );
      const sale = { ...order, seq: rows[0]?.seq ?? 0 };
      await host.query('insert into orders values ($1, $2, $3, $4, $5, $6)', [
        sale.id,
        sale.sku,
        sale.seq,
        sale.quantity,
        sale.price,
        sale.poison,
      ]);
      await engine.publisher.publish(OrderPlaced, sale);
    });
  }

  async stop(): Promise<void> {
    await this.engine.stopConsumers();
    await this.engine.stopRelay(AbortSignal.timeout(5_000));
    await this.driver.close();
    await this.pool.end();
  }

  #takeStock(): void {
    const { host, engine } = this;
    engine.runtime.subscribe({
      consumer: 'warehouse.order-placed',
      contracts: [OrderPlaced],
      handle: async (sale) => {
        await host.query('update products set stock = stock - $2 where sku = $1', [
          sale.sku,
          sale.quantity,
        ]);
        // After its first write, so that a rollback is needed as well.
        if (sale.poison) throw new Error('nobody can digest this');
        await this.#takeEffect(sale);
        await engine.publisher.publish(StockTaken, sale);
      },
    });
  }

  #takeMoney(listener: MarketListener): void {
    const { host, engine } = this;
    const move = (owner: string, amount: number): Promise<unknown> =>
      host.query('update accounts set balance = balance + $2 where owner = $1', [owner, amount]);
    engine.runtime.subscribe({
      consumer: 'shop.stock-taken',
      contracts: [StockTaken],
      handle: async (sale) => {
        await move(sale.customer, -sale.price);
        await move(sale.sku, sale.price);
        await this.#takeEffect(sale);
        host.afterCommit(() => listener.onCompleted(sale.sku));
      },
    });
  }

  /** Both callers hold the lock of the product's row, so that effects have the order of commits. */
  async #takeEffect({ id, sku, seq, quantity, price }: Sale): Promise<void> {
    await this.host.query(
      'insert into effects (id, sku, seq, quantity, price) values ($1, $2, $3, $4, $5)',
      [id, sku, seq, quantity, price],
    );
  }
}
