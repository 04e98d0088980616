import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/**
 * A customer has called off an approved order before its dispatch. Nobody orchestrates what
 * follows: inventory restocks, payments refunds and shipping calls off the shipment, each on hearing
 * this.
 */
export const OrderCancelled = defineEvent('orders.order-cancelled', {
  topic: 'orders.events',
  owner: 'orders',
  key: (event) => event.orderId,
  versions: { 1: z.object({ orderId: OrderId }) },
});
