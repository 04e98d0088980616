import { Injectable } from '@nestjs/common';
import {
  MessagePublisher,
  OnCommand,
  OnEvent,
  reply,
  type DataOf,
  type ReplyTo,
} from '@rookery/messaging';
import {
  AuthorizePayment,
  CapturePayment,
  CaptureRefused,
  OrderCancelled,
  PaymentAuthorized,
  PaymentCaptured,
  PaymentRefunded,
  PaymentRefused,
  PaymentVoided,
  VoidPayment,
} from '@shop/contracts';
import { CardProcessor } from '../card-processor/card-processor.js';
import { Payments } from './payments.repository.js';

@Injectable()
export class PaymentHandler {
  constructor(
    private readonly payments: Payments,
    private readonly processor: CardProcessor,
    private readonly publisher: MessagePublisher,
  ) {}

  @OnCommand(AuthorizePayment, { retry: { attempts: 2, backoff: { initial: '200ms' } } })
  async authorize(
    command: DataOf<typeof AuthorizePayment>,
  ): Promise<ReplyTo<typeof AuthorizePayment>> {
    const { orderId, total, paymentMethod } = command;
    const earlier = await this.payments.lock(orderId);
    if (earlier?.authorization_id && earlier.status !== 'voided') {
      return reply(PaymentAuthorized, { orderId, authorizationId: earlier.authorization_id });
    }
    if (earlier !== undefined) {
      return reply(PaymentRefused, { orderId, reason: earlier.reason ?? 'ORDER_GIVEN_UP' });
    }
    const { amount, currency } = total;
    const answer = await this.processor.authorize(orderId, amount, currency, paymentMethod);
    await this.payments.save({
      order_id: orderId,
      amount,
      currency,
      status: answer.approved ? 'authorized' : 'refused',
      authorization_id: answer.approved ? answer.authorizationId : null,
      reason: answer.approved ? null : answer.reason,
    });
    return answer.approved
      ? reply(PaymentAuthorized, { orderId, authorizationId: answer.authorizationId })
      : reply(PaymentRefused, { orderId, reason: answer.reason });
  }

  @OnCommand(CapturePayment)
  async capture({
    orderId,
  }: DataOf<typeof CapturePayment>): Promise<ReplyTo<typeof CapturePayment>> {
    const payment = await this.payments.lock(orderId);
    if (payment?.status === 'captured') return reply(PaymentCaptured, { orderId });
    if (payment?.status !== 'authorized' || payment.authorization_id === null) {
      return reply(CaptureRefused, { orderId, reason: payment?.status ?? 'NOT_AUTHORIZED' });
    }
    await this.processor.capture(orderId, payment.authorization_id);
    await this.payments.save({ ...payment, status: 'captured' });
    return reply(PaymentCaptured, { orderId });
  }

  @OnCommand(VoidPayment)
  async void({ orderId }: DataOf<typeof VoidPayment>): Promise<ReplyTo<typeof VoidPayment>> {
    const payment = await this.payments.lock(orderId);
    if (payment?.status === 'authorized' && payment.authorization_id !== null) {
      await this.processor.void(orderId, payment.authorization_id);
      await this.payments.save({ ...payment, status: 'voided' });
    } else if (payment?.status === 'captured' && payment.authorization_id !== null) {
      // The answer to the capture was lost or late, so the order was given up although we were paid.
      await this.processor.refund(orderId, payment.authorization_id);
      await this.payments.save({ ...payment, status: 'refunded' });
    } else if (payment === undefined) {
      await this.payments.save({
        order_id: orderId,
        status: 'voided',
        amount: 0,
        currency: 'EUR',
        authorization_id: null,
        reason: 'ORDER_GIVEN_UP',
      });
    }
    return reply(PaymentVoided, { orderId });
  }

  @OnEvent(OrderCancelled)
  async refund({ orderId }: DataOf<typeof OrderCancelled>): Promise<void> {
    const payment = await this.payments.lock(orderId);
    if (payment?.status !== 'captured' || payment.authorization_id === null) return;
    await this.processor.refund(orderId, payment.authorization_id);
    await this.payments.save({ ...payment, status: 'refunded' });
    const { amount, currency } = payment;
    await this.publisher.publish(PaymentRefunded, { orderId, total: { amount, currency } });
  }
}
