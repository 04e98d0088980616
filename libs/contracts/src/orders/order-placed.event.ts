import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { Money } from '../values/money.js';
import { OrderId, OrderLine } from '../values/order-line.js';

const V1 = z.object({
  orderId: OrderId,
  customer: z.string(),
  lines: z.array(OrderLine).min(1),
  total: Money,
  /** A token of the card processor; never a card number. */
  paymentMethod: z.string(),
  /** When the customer wants it dispatched; at once if absent. */
  dispatchAt: z.iso.datetime().optional(),
});

/** A customer has placed an order; the `place-order` saga begins with it. */
export const OrderPlaced = defineEvent('orders.order-placed', {
  topic: 'orders.events',
  owner: 'orders',
  key: (event) => event.orderId,
  versions: { 1: V1 },
});
