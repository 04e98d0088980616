import { Controller, Get } from '@nestjs/common';
import { NotFoundError, ValidatedParam } from '@rookery/platform';
import { Scopes } from '@rookery/security';
import { z } from 'zod';
import { Payments } from './payments.repository.js';

interface PaymentView {
  orderId: string;
  status: string;
  total: { amount: number; currency: string };
  reason: string | null;
}

@Controller('payments')
export class PaymentController {
  constructor(private readonly payments: Payments) {}

  @Get(':orderId')
  @Scopes('payments:read')
  async one(@ValidatedParam('orderId', z.uuid()) orderId: string): Promise<PaymentView> {
    const payment = await this.payments.find(orderId);
    if (payment === undefined) throw new NotFoundError('payment of order', orderId);
    const { status, amount, currency, reason } = payment;
    return { orderId, status, total: { amount, currency }, reason };
  }
}
