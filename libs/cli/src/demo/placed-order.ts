import type { Fate } from './fates.js';

/** An order of the demo and what became of it. */
export interface PlacedOrder {
  readonly number: number;
  readonly fate: Fate;
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly total: number;
  readonly traceId: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly elapsedMs: number;
}

/** What the run sells: articles of its own, so that its sums are not disturbed by other runs. */
export interface DemoArticle {
  readonly sku: string;
  readonly unitPrice: number;
  readonly stock: number;
}
