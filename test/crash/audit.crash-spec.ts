import { describe, expect, it } from 'vitest';
import { audit, total } from './audit.js';
import type { Order } from './service-protocol.js';

const order = (sku: string, seq: number): Order => ({ id: `${sku}-${seq}`, sku, seq });
const orders = [order('a', 1), order('a', 2), order('a', 3), order('b', 1), order('b', 2)];

describe('an audit of orders and effects', () => {
  it('finds nothing where each order took effect once, whatever products do beside each other', () => {
    const effects = [order('b', 1), order('a', 1), order('a', 2), order('b', 2), order('a', 3)];
    expect(audit(orders, effects)).toEqual({ lost: 0, doubled: 0, inverted: 0 });
  });

  it('finds what was lost', () => {
    const effects = orders.filter(({ id }) => id !== 'a-2');
    expect(audit(orders, effects)).toEqual({ lost: 1, doubled: 0, inverted: 0 });
  });

  it('finds every effect beyond the first, and does not take it for one out of order', () => {
    const effects = [...orders, order('a', 1), order('a', 1)];
    expect(audit(orders, effects)).toEqual({ lost: 0, doubled: 2, inverted: 0 });
  });

  it('finds what came after a later one', () => {
    const effects = [order('a', 3), order('a', 1), order('a', 2), order('b', 1), order('b', 2)];
    expect(audit(orders, effects)).toEqual({ lost: 0, doubled: 0, inverted: 2 });
  });

  it('adds findings up', () => {
    const one = { lost: 1, doubled: 2, inverted: 3 };
    expect(total([one, one])).toEqual({ lost: 2, doubled: 4, inverted: 6 });
  });
});
