import type { Order } from './service-protocol.js';

/** What went wrong between orders and their effects. */
export interface Findings {
  /** Orders without effect. */
  readonly lost: number;
  /** Effects beyond the first of an order. */
  readonly doubled: number;
  /** Effects that came after one of a later order of the same product. */
  readonly inverted: number;
}

/** Compares orders with the effects that one service has seen, in the order it has seen them. */
export function audit(orders: readonly Order[], effects: readonly Order[]): Findings {
  const seen = new Set<string>();
  const latest = new Map<string, number>();
  let doubled = 0;
  let inverted = 0;
  for (const { id, sku, seq } of effects) {
    if (seen.has(id)) {
      doubled += 1;
      continue;
    }
    seen.add(id);
    if (seq < (latest.get(sku) ?? 0)) inverted += 1;
    else latest.set(sku, seq);
  }
  return { lost: orders.filter(({ id }) => !seen.has(id)).length, doubled, inverted };
}

/** Several findings together. */
export function total(all: readonly Findings[]): Findings {
  const sum = (count: (findings: Findings) => number): number =>
    all.reduce((before, findings) => before + count(findings), 0);
  return {
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    inverted: sum(({ inverted }) => inverted),
  };
}
