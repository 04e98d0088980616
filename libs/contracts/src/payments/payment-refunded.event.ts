import { defineEvent } from '@rookery/messaging';
import { z } from 'zod';
import { Money } from '../values/money.js';
import { OrderId } from '../values/order-line.js';

/** The customer of a cancelled order has the money back. */
export const PaymentRefunded = defineEvent('payments.payment-refunded', {
  topic: 'payments.events',
  owner: 'payments',
  key: (event) => event.orderId,
  versions: { 1: z.object({ orderId: OrderId, total: Money }) },
});
