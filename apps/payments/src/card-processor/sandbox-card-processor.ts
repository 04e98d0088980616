import { Injectable } from '@nestjs/common';
import { Retry, Timeout } from '@rookery/resilience';
import { CardProcessor, type Authorization } from './card-processor.js';

const DECLINES: Readonly<Record<string, string>> = {
  tok_declined: 'CARD_DECLINED',
  tok_insufficient_funds: 'INSUFFICIENT_FUNDS',
  tok_expired: 'CARD_EXPIRED',
};

/**
 * A processor of test cards, as real ones offer: the token decides the outcome. `tok_hang` never
 * answers, `tok_declined`, `tok_insufficient_funds` and `tok_expired` are refused, all else is
 * approved. It keeps nothing, so that it behaves alike after any restart.
 */
@Injectable()
export class SandboxCardProcessor extends CardProcessor {
  @Retry({ attempts: 2, backoff: { initial: '100ms' } })
  @Timeout('1s')
  override authorize(
    orderId: string,
    _amount: number,
    _currency: string,
    paymentMethod: string,
  ): Promise<Authorization> {
    if (paymentMethod === 'tok_hang') return new Promise(() => {});
    const reason = DECLINES[paymentMethod];
    return Promise.resolve(
      reason === undefined
        ? { approved: true, authorizationId: `auth_${orderId}` }
        : { approved: false, reason },
    );
  }

  override async capture(): Promise<void> {}

  override async void(): Promise<void> {}

  override async refund(): Promise<void> {}
}
