import { Module } from '@nestjs/common';
import { RookeryModule } from '@rookery/platform';
import { CardProcessor } from './card-processor/card-processor.js';
import { SandboxCardProcessor } from './card-processor/sandbox-card-processor.js';
import { PaymentController } from './payment/payment.controller.js';
import { PaymentHandler } from './payment/payment.handler.js';
import { Payments } from './payment/payments.repository.js';
import { migrations } from './persistence/migrations.js';

/** Holds, takes and gives back the money of orders. */
@Module({
  imports: [
    RookeryModule.forRoot({ name: 'payments', persistence: { migrations }, messaging: true }),
  ],
  controllers: [PaymentController],
  providers: [Payments, PaymentHandler, { provide: CardProcessor, useClass: SandboxCardProcessor }],
})
export class PaymentsModule {}
