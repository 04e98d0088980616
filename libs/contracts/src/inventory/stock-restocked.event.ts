import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId, OrderLine } from '../values/order-line.js';

/** The articles of a cancelled order are for sale again. */
export const StockRestocked = defineEvent('inventory.stock-restocked', {
  topic: 'inventory.events',
  owner: 'inventory',
  key: (event) => event.orderId,
  versions: { 1: z.object({ orderId: OrderId, lines: z.array(OrderLine) }) },
});
