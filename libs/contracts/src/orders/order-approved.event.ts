import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** Stock is reserved, the money is captured, the shipment is arranged. */
export const OrderApproved = defineEvent('orders.order-approved', {
  topic: 'orders.events',
  owner: 'orders',
  key: (event) => event.orderId,
  versions: { 1: z.object({ orderId: OrderId }) },
});
