import { defineCommand, defineReply } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** Nothing is held for the order any more. */
export const PaymentVoided = defineReply('payments.payment-voided', {
  owner: 'payments',
  outcome: 'success',
  versions: { 1: z.object({ orderId: OrderId }) },
});

/** Lets go of a held amount; an authorization that comes later is refused. */
export const VoidPayment = defineCommand('payments.void-payment', {
  owner: 'payments',
  key: (command) => command.orderId,
  versions: { 1: z.object({ orderId: OrderId }) },
  replies: [PaymentVoided],
});
