import { systemClock, systemRandom } from '@rookery/core';
import { kafkajsDriver, platformaticDriver } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { createPool, Database, UnitOfWork, type TransactionHost } from '@rookery/persistence';
import { reply } from '../../libs/messaging/src/handler/reply.js';
import { MessagingEngine } from '../../libs/messaging/src/messaging-engine.js';
import { messagingOptions } from '../../libs/messaging/src/messaging.options.js';
import { CursorRelay } from './cursor-relay.js';
import { KillSwitch } from './kill-switch.js';
import { KillingDriver } from './killing-driver.js';
import { KillingHost } from './killing-host.js';
import type { Order, Purchase, Report, Request, ServiceSettings } from './service-protocol.js';
import { shopContracts } from './shop.js';

// One service of the shop, without Nest: what a process of it is made of, on the servers that its
// parent runs. It dies at the point for which it is armed.

const settings = JSON.parse(process.argv[2] ?? '{}') as ServiceSettings;
const { name, role, driver: driverName, brokers, databaseUrl, evidence, broken } = settings;
const service = `${name}-${role}`;
const tell = (report: Report): void => void process.send?.(report);

let withheld = (): void => {};
const withholdAnswers = (): Promise<void> =>
  new Promise((resolve) => {
    withheld = resolve;
    tell({ kind: 'withhold' });
  });

const kills = new KillSwitch(evidence);
const pool = createPool({
  url: databaseUrl,
  poolSize: 14,
  acquireTimeoutMs: 10_000,
  statementTimeoutMs: 20_000,
  lockTimeoutMs: 10_000,
  idleInTransactionTimeoutMs: 20_000,
  idleTimeoutMs: 10_000,
  applicationName: service,
  onError: () => undefined,
});
const host = new KillingHost(new UnitOfWork(new Database(pool)), kills, broken === 'no-inbox');
const driverOf = driverName === 'kafkajs' ? kafkajsDriver : platformaticDriver;
const driver = new KillingDriver(
  await driverOf({
    brokers,
    clientId: service,
    // Short, because partitions of a killed member stand still that long.
    sessionTimeoutMs: 1_500,
    heartbeatMs: 300,
    maxWaitMs: 100,
  }),
  kills,
  withholdAnswers,
);
const engine = new MessagingEngine(
  {
    service,
    ...messagingOptions.parse({
      topics: { partitions: 3 },
      commitInterval: 20,
      // Small batches, so that there is something left to do at each point.
      outbox: { batchSize: 4, idlePoll: 50 },
    }),
  },
  {
    host,
    driver,
    tracing: new Tracing({ app: service, instance: `${service}-${process.pid}` }),
    clock: systemClock,
    random: systemRandom,
    log: (level, message) => {
      if (process.env['CRASH_LOG'] === '1')
        process.stderr.write(`${service} ${level} ${message}\n`);
    },
    listener: {
      onOutcome: () => {},
      onDeadLetter: (topic, reason) => tell({ kind: 'dead-letter', topic, reason }),
      onSent: () => {},
      onSkipped: () => {},
      onFailure: () => {},
      measureLag: async () => {},
    },
  },
);

const { Reserve, Reserved, replies } = shopContracts(name);
if (role === 'orders') {
  engine.runtime.subscribe({
    consumer: 'orders.reserved',
    contracts: [Reserved],
    topics: [replies],
    handle: (order) => takeEffect(host, order),
  });
} else {
  engine.runtime.subscribe({
    consumer: 'inventory.reserve',
    contracts: [Reserve],
    retry: { attempts: 2, backoff: { initial: 5, max: 20 } },
    onFailure: 'park',
    park: { retry: { initial: '50ms', attempts: 50 } },
    handle: async (order) => {
      await takeEffect(host, order);
      // After its first write, so that there is something to roll back.
      if (systemClock.now() < order.failsUntil) throw new Error('not yet');
      return reply(Reserved, order);
    },
  });
}

process.on('message', (request: Request) => {
  switch (request.kind) {
    case 'arm':
      kills.arm(request.point, request.nth);
      tell({ kind: 'armed' });
      return;
    case 'place':
      void place(request).then(
        () => tell({ kind: 'placed', id: request.id }),
        (error: unknown) => tell({ kind: 'refused', id: request.id, why: String(error) }),
      );
      return;
    case 'withheld':
      withheld();
      return;
  }
});
// Its parent is gone: nobody is left to end it.
process.on('disconnect', () => process.exit());

if (broken === 'cursor') new CursorRelay(host, driver.producer()).start();
else engine.startRelay();
tell({ kind: 'ready' });
await engine.startConsumers(new AbortController().signal);

/** Takes an order once, however often it is asked to: customers ask again after a crash. */
async function place({ id, sku, thinkMs, failsUntil }: Purchase): Promise<void> {
  await host.run(async () => {
    const { rows } = await host.query<{ seq: number }>(
      'select seq from products where sku = $1 for update',
      [sku],
    );
    const known = await host.query('select from orders where id = $1', [id]);
    if (known.rowCount > 0) return;
    const seq = (rows[0]?.seq ?? 0) + 1;
    await host.query('update products set seq = $2 where sku = $1', [sku, seq]);
    await host.query('insert into orders (id, sku, seq) values ($1, $2, $3)', [id, sku, seq]);
    await engine.publisher.send(Reserve, { id, sku, seq, failsUntil }, { replyTo: replies });
    // Transactions that commit in another order than they wrote are what breaks careless relays.
    await systemClock.sleep(thinkMs);
  });
}

/** Locks the product first: effects are numbered in the order in which they are committed. */
async function takeEffect(database: TransactionHost, { id, sku, seq }: Order): Promise<void> {
  await database.query('select from products where sku = $1 for update', [sku]);
  await database.query('insert into effects (id, sku, seq) values ($1, $2, $3)', [id, sku, seq]);
}
