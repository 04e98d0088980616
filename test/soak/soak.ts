import { systemClock, type Random } from '@rookery/core';
import { kafkajsDriver, platformaticDriver, type KafkaDriver } from '@rookery/kafka';
import type { SpecDatabase } from '@rookery/testing/database';
import type { BrokerHandle } from './broker-handle.js';
import { CountingClock } from './counting-clock.js';
import { Customers } from './customers.js';
import { heapAfterCollection, median } from './heap.js';
import { auditMarket, deadLetters, type MarketAudit } from './market-audit.js';
import { MarketInstance, type MarketListener, type MarketService } from './market-instance.js';
import { OrderPlaced, SKUS, StockTaken } from './market.js';
import { Repeater } from './repeater.js';

/** Orders of other products by which throughput is measured; one poison message falls on as many. */
const PHASE_ORDERS = 300;
const PHASE_PATIENCE_MS = 60_000;
const CHAOS_MS = 7_000;
const POISON_SHARE = 1 / 1_000;
const LOST_ANSWERS = 0.05;
/** Of clean throughput, that other keys keep beside a poison message. */
export const KEPT_THROUGHPUT = 0.9;
/** Comparisons at least, and at most while their median is below what is to be kept. */
const PAIRS = { min: 8, max: 32 };

const DRIVERS = { kafkajs: kafkajsDriver, platformatic: platformaticDriver };

/** The drivers under test; members of one group use different ones, as while an app moves over. */
export type DriverName = keyof typeof DRIVERS;

/** What a soak is built on. */
export interface SoakParts {
  readonly databases: Readonly<Record<MarketService, SpecDatabase>>;
  readonly broker: BrokerHandle;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** What was done, and what was seen. */
export interface SoakReport {
  readonly seconds: number;
  /** Instances that were started, by their driver. */
  readonly instances: Readonly<Record<DriverName, number>>;
  readonly rounds: number;
  readonly brokerKills: number;
  readonly rebalances: number;
  readonly lostAnswers: number;
  readonly repeated: number;
  readonly audit: MarketAudit;
  /** Values that no contract can read, as they were sent. */
  readonly unreadable: readonly string[];
  /** Dead letters as services told of them, and as the topic has them. */
  readonly givenUp: number;
  readonly deadLetters: readonly string[];
  /** Orders per second of other keys, clean and beside poison. */
  readonly pairs: readonly (readonly [clean: number, poisoned: number])[];
  readonly heap: readonly number[];
  readonly timersLeft: number;
  /** Sockets to servers that are open when all is stopped. */
  readonly connections: number;
}

interface Running {
  readonly service: MarketService;
  readonly driver: DriverName;
  readonly instance: MarketInstance;
}

/** A market of two services with two instances each, under load, while everything goes wrong. */
export class Soak {
  readonly #clock = new CountingClock();
  readonly #instances: Running[] = [];
  readonly #started: Record<DriverName, number> = { kafkajs: 0, platformatic: 0 };
  readonly #customers: Customers;
  readonly #pairs: [number, number][] = [];
  readonly #heap: number[] = [];
  readonly #unreadable: string[] = [];
  readonly #listener: MarketListener;
  #givenUp = 0;
  #rebalances = 0;
  #rounds = 0;

  constructor(private readonly parts: SoakParts) {
    this.#customers = new Customers((order) => this.#shop().place(order), parts.random);
    this.#listener = {
      onCompleted: (sku) => this.#customers.completed(sku),
      onDeadLetter: (_topic, reason) => {
        this.#givenUp += 1;
        if (reason === 'retries-exhausted') this.#customers.givenUp();
      },
    };
  }

  async run(ms: number): Promise<SoakReport> {
    const { random, broker, databases } = this.parts;
    const before = this.#connections();
    const began = systemClock.monotonic();
    const elapsed = (): number => systemClock.monotonic() - began;
    for (const service of ['shop', 'warehouse'] as const) {
      for (const driver of ['kafkajs', 'platformatic'] as const) await this.#start(service, driver);
    }
    const outside = await this.#driver('kafkajs', 'outside');
    const topics = [OrderPlaced.topic, StockTaken.topic];
    const repeater = await Repeater.start(outside, topics, random);
    await this.#customers.start();
    while (elapsed() < ms || this.#inDoubt()) {
      if (elapsed() < ms) {
        await this.#chaos(repeater);
        await this.#customers.drain();
        await this.#customers.start();
      }
      await this.#compare(outside);
      await this.#customers.drain();
      this.#heap.push(await heapAfterCollection());
      this.#rounds += 1;
      this.#tell(elapsed());
      await this.#customers.start();
    }
    await this.#customers.drain();
    await repeater.close();
    await this.#settle(outside);
    const audit = await auditMarket({
      shop: databases.shop.unitOfWork,
      warehouse: databases.warehouse.unitOfWork,
    });
    const letters = await deadLetters(outside);
    await Promise.all(this.#instances.map(({ instance }) => instance.stop()));
    await outside.close();
    const deadline = AbortSignal.timeout(5_000);
    while (this.#connections() > before && !deadline.aborted) await systemClock.sleep(10);
    return {
      seconds: Math.round(elapsed() / 1_000),
      instances: this.#started,
      rounds: this.#rounds,
      brokerKills: broker.kills,
      rebalances: this.#rebalances,
      lostAnswers: broker.lostAnswers,
      repeated: repeater.repeated,
      audit,
      unreadable: this.#unreadable,
      givenUp: this.#givenUp,
      deadLetters: letters,
      pairs: this.#pairs,
      heap: this.#heap,
      timersLeft: this.#clock.pending,
      connections: this.#connections() - before,
    };
  }

  /** Throughput of all products but one, clean and while that one has poison; in either order. */
  async #compare(outside: KafkaDriver): Promise<void> {
    const { random } = this.parts;
    const sku = SKUS[Math.floor(random() * SKUS.length)] ?? '';
    const clean = (): Promise<number> => this.#phase(sku);
    const indigestible = (): Promise<number> => {
      let sent = false;
      this.#customers.poison = (each) => each === sku && !sent && (sent = true);
      return this.#phase(sku);
    };
    const unreadable = async (): Promise<number> => {
      await this.#sendUnreadable(outside, sku);
      return this.#phase(sku);
    };
    const before = await clean();
    this.#pairs.push([before, await indigestible()]);
    const beside = await unreadable();
    this.#pairs.push([await clean(), beside]);
  }

  /** Orders per second of all products but one. */
  async #phase(sku: string): Promise<number> {
    const start = systemClock.monotonic();
    const deadline = AbortSignal.timeout(PHASE_PATIENCE_MS);
    const before = this.#customers.completionsBut(sku);
    let completed = 0;
    while (completed < PHASE_ORDERS) {
      await systemClock.sleep(2, deadline);
      completed = this.#customers.completionsBut(sku) - before;
    }
    this.#customers.poison = () => false;
    return completed / ((systemClock.monotonic() - start) / 1_000);
  }

  /** Bytes with the right type and key, which nobody can read. */
  async #sendUnreadable(driver: KafkaDriver, sku: string): Promise<void> {
    const value = `{"unreadable": ${this.#unreadable.length}`;
    const headers = { ce_specversion: '1.0', ce_type: OrderPlaced.name };
    const producer = driver.producer();
    await producer.send([{ topic: OrderPlaced.topic, key: sku, value, headers }]);
    await producer.close();
    this.#unreadable.push(value);
  }

  async #chaos(repeater: Repeater): Promise<void> {
    const { broker, random } = this.parts;
    this.#customers.poison = () => random() < POISON_SHARE;
    repeater.active = true;
    await broker.loseAnswers(LOST_ANSWERS);
    const end = systemClock.monotonic() + CHAOS_MS;
    await this.#restartBroker(random() * (CHAOS_MS / 2));
    while (systemClock.monotonic() < end) {
      await this.#replaceInstance();
      await systemClock.sleep(random() * 2_000);
    }
    await broker.loseAnswers(0);
    repeater.active = false;
    this.#customers.poison = () => false;
  }

  async #restartBroker(afterMs: number): Promise<void> {
    const { broker } = this.parts;
    await systemClock.sleep(afterMs);
    await broker.kill();
    await broker.start();
    await broker.loseAnswers(LOST_ANSWERS);
  }

  /** One instance leaves and another joins: two rebalances. */
  async #replaceInstance(): Promise<void> {
    const { random } = this.parts;
    const [old] = this.#instances.splice(Math.floor(random() * this.#instances.length), 1);
    if (old === undefined) return;
    await old.instance.stop();
    await this.#start(old.service, old.driver === 'kafkajs' ? 'platformatic' : 'kafkajs');
    this.#rebalances += 2;
  }

  async #start(service: MarketService, driver: DriverName): Promise<void> {
    const instance = await MarketInstance.start({
      service,
      databaseUrl: this.parts.databases[service].url,
      driver: await this.#driver(driver, service),
      clock: this.#clock,
      listener: this.#listener,
    });
    this.#started[driver] += 1;
    this.#instances.push({ service, driver, instance });
  }

  #driver(name: DriverName, clientId: string): Promise<KafkaDriver> {
    const { brokers } = this.parts.broker;
    const settings = { brokers, clientId, sessionTimeoutMs: 6_000, heartbeatMs: 500 };
    return DRIVERS[name](settings, { clock: this.#clock });
  }

  #shop(): MarketInstance {
    const shops = this.#instances.filter(({ service }) => service === 'shop');
    const shop = shops[Math.floor(this.parts.random() * shops.length)];
    if (shop === undefined) throw new Error('no instance of the shop is there');
    return shop.instance;
  }

  /** Resolves when nobody has anything left to read, repetitions included. */
  async #settle(driver: KafkaDriver): Promise<void> {
    const admin = driver.admin();
    const deadline = AbortSignal.timeout(60_000);
    for (const [group, topic] of [
      ['warehouse', OrderPlaced.topic],
      ['shop', StockTaken.topic],
    ] as const) {
      while ((await admin.lag(group, [topic])).some(({ lag }) => lag > 0)) {
        await systemClock.sleep(20, deadline);
      }
    }
    await admin.close();
  }

  #inDoubt(): boolean {
    const { length } = this.#pairs;
    if (length < PAIRS.min) return true;
    return length < PAIRS.max && keptThroughput(this.#pairs) < KEPT_THROUGHPUT;
  }

  /** Open sockets of this process, without those of the test's own database pools. */
  #connections(): number {
    const open = process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap');
    const { shop, warehouse } = this.parts.databases;
    return open.length - shop.database.pool.totalCount - warehouse.database.pool.totalCount;
  }

  #tell(elapsedMs: number): void {
    const { broker, log } = this.parts;
    const [clean = 0, poisoned = 0] = this.#pairs.at(-1) ?? [];
    log(
      `${`${Math.round(elapsedMs / 1_000)}`.padStart(5)} s  ${this.#customers.placed} orders, ` +
        `${Math.round(clean)}/s clean, ${Math.round(poisoned)}/s beside poison, ` +
        `${broker.kills} broker kills, ${this.#rebalances} rebalances, ` +
        `heap ${((this.#heap.at(-1) ?? 0) / 1e6).toFixed(1)} MB\n`,
    );
  }
}

/** Median of what other keys keep of clean throughput. */
export function keptThroughput(pairs: readonly (readonly [number, number])[]): number {
  return median(pairs.map(([clean, poisoned]) => poisoned / clean));
}
