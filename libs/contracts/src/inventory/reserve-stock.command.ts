import { defineCommand, defineReply } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId, OrderLine } from '../values/order-line.js';

/** All lines of the order are set aside for it. */
export const StockReserved = defineReply('inventory.stock-reserved', {
  owner: 'inventory',
  outcome: 'success',
  versions: { 1: z.object({ orderId: OrderId }) },
});

/** Nothing was set aside: at least one article is unknown or too few are left. */
export const StockRefused = defineReply('inventory.stock-refused', {
  owner: 'inventory',
  outcome: 'refusal',
  versions: {
    1: z.object({
      orderId: OrderId,
      reason: z.enum(['OUT_OF_STOCK', 'UNKNOWN_SKU']),
      skus: z.array(z.string()),
    }),
  },
});

/** Sets aside what an order needs, all of it or nothing. */
export const ReserveStock = defineCommand('inventory.reserve-stock', {
  owner: 'inventory',
  key: (command) => command.orderId,
  versions: { 1: z.object({ orderId: OrderId, lines: z.array(OrderLine).min(1) }) },
  replies: [StockReserved, StockRefused],
});
