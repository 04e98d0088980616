import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** An order could not be fulfilled; all that was done for it has been undone. */
export const OrderRejected = defineEvent('orders.order-rejected', {
  topic: 'orders.events',
  owner: 'orders',
  key: (event) => event.orderId,
  versions: { 1: z.object({ orderId: OrderId, reason: z.string() }) },
});
