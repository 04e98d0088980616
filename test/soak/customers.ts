import { systemClock, type Random } from '@rookery/core';
import { CUSTOMERS, SKUS, type Sale } from './market.js';

/** Orders on their way at a time: enough to keep everything busy, few enough to bound memory. */
const ON_THE_WAY = 300;
const ORDERING = 8;
const PATIENCE_MS = 120_000;

/** Customers that order whenever fewer orders than some are on their way. */
export class Customers {
  #placed = 0;
  #ended = 0;
  readonly #completed = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  readonly #work: Promise<void>[] = [];
  #stopping = false;
  /** Decides on each order whether it is poison. */
  poison: (sku: string) => boolean = () => false;

  constructor(
    private readonly place: (order: Omit<Sale, 'seq'>) => Promise<void>,
    private readonly random: Random,
  ) {}

  get placed(): number {
    return this.#placed;
  }

  /** Resolves when as many orders have arrived as are on their way at a time. */
  async start(): Promise<void> {
    this.#stopping = false;
    for (let i = 0; i < ORDERING; i += 1) this.#work.push(this.#order());
    await this.#arrived(this.#ended + ON_THE_WAY);
  }

  /** Resolves when nothing is on its way any more. */
  async drain(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await Promise.all(this.#work.splice(0));
    await this.#arrived(this.#placed);
  }

  /** An order has gone all the way. */
  completed(sku: string): void {
    this.#completed.set(sku, this.completions(sku) + 1);
    this.#end();
  }

  /** An order has ended as a dead letter. */
  givenUp(): void {
    this.#end();
  }

  completions(sku: string): number {
    return this.#completed.get(sku) ?? 0;
  }

  /** Completions of all products but one. */
  completionsBut(sku: string): number {
    let sum = 0;
    for (const [each, count] of this.#completed) if (each !== sku) sum += count;
    return sum;
  }

  async #arrived(count: number): Promise<void> {
    const end = systemClock.monotonic() + PATIENCE_MS;
    while (this.#ended < count) {
      if (systemClock.monotonic() > end) {
        throw new Error(`${this.#placed - this.#ended} orders do not arrive`);
      }
      await systemClock.sleep(10);
    }
  }

  #end(): void {
    this.#ended += 1;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #order(): Promise<void> {
    while (!this.#stopping) {
      if (this.#placed - this.#ended >= ON_THE_WAY) {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
        continue;
      }
      this.#placed += 1;
      const sku = this.#one(SKUS);
      await this.place({
        id: `order-${this.#placed}`,
        sku,
        customer: this.#one(CUSTOMERS),
        quantity: 1 + Math.floor(this.random() * 3),
        price: 1 + Math.floor(this.random() * 1_000),
        poison: this.poison(sku),
      });
    }
  }

  #one(of: readonly string[]): string {
    return of[Math.floor(this.random() * of.length)] ?? '';
  }
}
