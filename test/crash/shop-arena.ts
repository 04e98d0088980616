import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Random } from '@rookery/core';
import type { EmbeddedKafka } from '@rookery/embedded-kafka';
import { kafkajsDriver, type KafkaAdmin, type KafkaDriver } from '@rookery/kafka';
import type { SpecDatabase } from '@rookery/testing/database';
import { audit, total, type Findings } from './audit.js';
import type { KillPointId, Role } from './kill-points.js';
import { ServiceGone, ServiceHandle } from './service-handle.js';
import type { Broken, DriverName, Order, Purchase } from './service-protocol.js';
import { SKUS } from './shop.js';

/** Customers that order side by side, each one order after the other. */
const CUSTOMERS = 6;
/** Orders that each of them places at least, and after a kill. */
const ORDERS = 3;
/** A point that was not passed after this many orders of one customer will not be. */
const MAX_ORDERS = 100;
/** How long transactions stay open after their last write: most of them shortly. */
const THINK_MS = { most: 5, some: 30, share: 0.2 };
/** Orders that fail at first, in runs where keys are parked, and the pause after each order there. */
const FAILING = { share: 0.15, ms: 1_000 };
const PACE_MS = 150;
const PATIENCE_MS = 120_000;

/** What an arena is built on. */
export interface ArenaParts {
  readonly name: string;
  readonly driver: DriverName;
  readonly databases: Readonly<Record<Role, SpecDatabase>>;
  readonly kafka: EmbeddedKafka;
  readonly bundle: string;
  readonly broken?: Broken | undefined;
}

/** One kill: where, in whom, at which arrival. */
export interface Kill {
  readonly point: KillPointId;
  readonly role: Role;
  readonly nth: number;
  /** Whether some orders fail at first. */
  readonly parks: boolean;
}

/** What came of a run. */
export interface RunResult extends Findings {
  readonly orders: number;
  /** The point at which the process says that it died; the signal that its parent saw. */
  readonly died: { readonly at: string; readonly by: string };
}

/**
 * A shop of two services, each a process with a database, which share a broker with other shops. Its
 * processes live until they are killed; servers outlive them.
 */
export class ShopArena {
  readonly #services = new Map<Role, ServiceHandle>();
  readonly #evidence: string;
  readonly #deadLetters: string[] = [];
  #run = 0;

  private constructor(
    private readonly parts: ArenaParts,
    private readonly driver: KafkaDriver,
    private readonly admin: KafkaAdmin,
  ) {
    this.#evidence = join(tmpdir(), `rookery-crash-${process.pid}-${parts.name}`);
  }

  static async create(parts: ArenaParts): Promise<ShopArena> {
    const { brokers } = parts.kafka;
    const driver = await kafkajsDriver({ brokers, clientId: `${parts.name}-auditor` });
    const arena = new ShopArena(parts, driver, driver.admin());
    await Promise.all([arena.#start('orders'), arena.#start('inventory')]);
    return arena;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.end()));
    await this.driver.close();
    rmSync(this.#evidence, { force: true });
  }

  /** Kills a service in the middle of its work, starts it again, and counts what became of the work. */
  async run(kill: Kill, random: Random): Promise<RunResult> {
    try {
      return await this.#tryRun(kill, random);
    } catch (error) {
      // Whatever is armed or half done must not fail the next run as well.
      await Promise.all([...this.#services.values()].map((service) => service.end()));
      await Promise.all([this.#start('orders'), this.#start('inventory')]);
      throw error;
    }
  }

  async #tryRun(kill: Kill, random: Random): Promise<RunResult> {
    this.#run += 1;
    this.#deadLetters.length = 0;
    rmSync(this.#evidence, { force: true });
    await this.#clear();
    const victim = this.#service(kill.role);
    await victim.arm(kill.point, kill.nth);
    let killed = false;
    const dead = victim.exited.then(async (signal) => {
      killed = true;
      // From here on customers wait for the new process.
      await this.#start(kill.role);
      return signal;
    });
    dead.catch(() => undefined);
    const customers = Array.from({ length: CUSTOMERS }, (_, customer) =>
      this.#buy(`${this.#run}-${customer}`, kill, random, () => killed),
    );
    const accepted = (await Promise.all(customers)).flat();
    const by = await dead;
    await this.#settle();
    const findings = await this.#count(accepted);
    const at = readFileSync(this.#evidence, 'utf8').trim();
    return { ...findings, orders: accepted.length, died: { at, by: String(by) } };
  }

  /** Places orders until the service was killed and some more; each again until it is answered. */
  async #buy(
    customer: string,
    { parks }: Kill,
    random: Random,
    killed: () => boolean,
  ): Promise<string[]> {
    const placed: string[] = [];
    let after = 0;
    while (placed.length < ORDERS || after < ORDERS) {
      if (placed.length === MAX_ORDERS) throw new Error('the point was never reached');
      const id = `${customer}-${placed.length}`;
      const sku = SKUS[Math.floor(random() * SKUS.length)] ?? SKUS[0];
      const { most, some, share } = THINK_MS;
      const failsUntil = parks && random() < FAILING.share ? systemClock.now() + FAILING.ms : 0;
      const thinkMs = random() * (random() < share ? some : most);
      await this.#place({ id, sku, thinkMs, failsUntil });
      if (parks) await systemClock.sleep(PACE_MS);
      placed.push(id);
      if (killed()) after += 1;
    }
    return placed;
  }

  async #place(purchase: Purchase): Promise<void> {
    for (;;) {
      const service = this.#service('orders');
      try {
        return await service.place(purchase);
      } catch (error) {
        if (!(error instanceof ServiceGone)) throw error;
        await until(() => this.#service('orders') !== service);
      }
    }
  }

  /** Resolves when there is nothing left to do anywhere, in the direction in which work flows. */
  async #settle(): Promise<void> {
    const { name, databases, broken } = this.parts;
    const relayed = async (role: Role): Promise<boolean> => {
      const { rows } = await databases[role].unitOfWork.query<{ open: boolean }>(
        broken === 'cursor'
          ? 'select exists(select from rookery_outbox where id > (select sent from relay_cursor)) as open'
          : 'select exists(select from rookery_outbox) as open',
      );
      return rows[0]?.open === false;
    };
    const consumed = async (role: Role, topic: string): Promise<boolean> => {
      const lags = await this.admin.lag(`${name}-${role}`, [topic]);
      return lags.length > 0 && lags.every(({ lag }) => lag === 0);
    };
    await until(() => relayed('orders'));
    await until(() => consumed('inventory', `${name}.inventory.commands`));
    await until(async () => {
      const { rows } = await databases.inventory.unitOfWork.query<{ parked: number }>(
        `select count(*)::int as parked from rookery_failed_messages where status = 'parked'`,
      );
      return rows[0]?.parked === 0;
    });
    await until(() => relayed('inventory'));
    await until(() => consumed('orders', `${name}.orders.replies`));
  }

  async #count(accepted: readonly string[]): Promise<Findings> {
    const { databases } = this.parts;
    const read = async (role: Role, statement: string): Promise<Order[]> =>
      (await databases[role].unitOfWork.query<Order>(statement)).rows;
    const orders = await read('orders', 'select id, sku, seq from orders');
    const effects = 'select id, sku, seq from effects order by n';
    const known = new Set(orders.map(({ id }) => id));
    const asked = new Set(accepted);
    return total([
      audit(orders, await read('inventory', effects)),
      audit(orders, await read('orders', effects)),
      {
        // What a customer was promised, and what nobody ordered.
        lost: accepted.filter((id) => !known.has(id)).length,
        doubled: orders.filter(({ id }) => !asked.has(id)).length,
        inverted: 0,
      },
      // A message that was given up is lost to the shop.
      { lost: this.#deadLetters.length, doubled: 0, inverted: 0 },
    ]);
  }

  async #clear(): Promise<void> {
    for (const { unitOfWork } of Object.values(this.parts.databases)) {
      await unitOfWork.query('truncate orders, effects restart identity');
      await unitOfWork.query('update products set seq = 0');
    }
  }

  #service(role: Role): ServiceHandle {
    const service = this.#services.get(role);
    if (service === undefined) throw new Error(`${role} has not been started`);
    return service;
  }

  async #start(role: Role): Promise<void> {
    const { name, driver, kafka, databases, bundle, broken } = this.parts;
    const clientId = `${name}-${role}`;
    const service: ServiceHandle = await ServiceHandle.start(
      bundle,
      {
        name,
        role,
        driver,
        brokers: kafka.brokers,
        databaseUrl: databases[role].url,
        evidence: this.#evidence,
        broken,
      },
      (report) => {
        if (report.kind === 'dead-letter') this.#deadLetters.push(report.reason);
        if (report.kind !== 'withhold') return;
        const end = kafka.fault((request) =>
          request.api === 'Produce' && request.clientId === clientId
            ? { at: 'response', action: 'drop' }
            : undefined,
        );
        void service.exited.then(end);
        service.tell({ kind: 'withheld' });
      },
    );
    this.#services.set(role, service);
  }
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + PATIENCE_MS;
  while (!(await met())) {
    if (systemClock.monotonic() > end) throw new Error(`not met in time: ${String(met)}`);
    await systemClock.sleep(10);
  }
}
