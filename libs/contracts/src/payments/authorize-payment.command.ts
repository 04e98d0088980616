import { defineCommand, defineReply } from '@rookery/messaging';
import { z } from 'zod';
import { Money } from '../values/money.js';
import { OrderId } from '../values/order-line.js';

/** The card's bank holds the amount for us. */
export const PaymentAuthorized = defineReply('payments.payment-authorized', {
  owner: 'payments',
  outcome: 'success',
  versions: { 1: z.object({ orderId: OrderId, authorizationId: z.string() }) },
});

/** The card's bank, or we, declined. */
export const PaymentRefused = defineReply('payments.payment-refused', {
  owner: 'payments',
  outcome: 'refusal',
  versions: { 1: z.object({ orderId: OrderId, reason: z.string() }) },
});

/** Asks the card's bank to hold the amount. */
export const AuthorizePayment = defineCommand('payments.authorize-payment', {
  owner: 'payments',
  key: (command) => command.orderId,
  versions: { 1: z.object({ orderId: OrderId, total: Money, paymentMethod: z.string() }) },
  replies: [PaymentAuthorized, PaymentRefused],
});
