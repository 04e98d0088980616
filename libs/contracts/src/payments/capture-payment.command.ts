import { defineCommand, defineReply } from '@rookery/messaging';
import { z } from 'zod';
import { OrderId } from '../values/order-line.js';

/** The held amount is ours. */
export const PaymentCaptured = defineReply('payments.payment-captured', {
  owner: 'payments',
  outcome: 'success',
  versions: { 1: z.object({ orderId: OrderId }) },
});

/** The hold is gone: expired, voided or never there. */
export const CaptureRefused = defineReply('payments.capture-refused', {
  owner: 'payments',
  outcome: 'refusal',
  versions: { 1: z.object({ orderId: OrderId, reason: z.string() }) },
});

/** Takes the held amount. The last step of an order that may still fail. */
export const CapturePayment = defineCommand('payments.capture-payment', {
  owner: 'payments',
  key: (command) => command.orderId,
  versions: { 1: z.object({ orderId: OrderId }) },
  replies: [PaymentCaptured, CaptureRefused],
});
