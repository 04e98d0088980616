import { defineCommand, defineReply } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** Nothing is set aside for the order any more. */
export const StockReleased = defineReply('inventory.stock-released', {
  owner: 'inventory',
  outcome: 'success',
  versions: { 1: z.object({ orderId: OrderId }) },
});

/** Gives back what was set aside for an order; a reservation that comes later is refused. */
export const ReleaseStock = defineCommand('inventory.release-stock', {
  owner: 'inventory',
  key: (command) => command.orderId,
  versions: { 1: z.object({ orderId: OrderId }) },
  replies: [StockReleased],
});
