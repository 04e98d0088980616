import { randomUUID } from 'node:crypto';
import { TimeoutError } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { UnitOfWork } from '@rookery/persistence';
import { useApp, useDatabase } from '@rookery/testing';
import {
  CaptureRefused,
  PaymentAuthorized,
  PaymentCaptured,
  PaymentRefused,
} from '@shop/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import { PaymentsModule } from '../payments.module.js';
import { PaymentHandler } from './payment.handler.js';
import { Payments } from './payments.repository.js';

const clock = new VirtualClock(Date.now());
const database = useDatabase();
const app = useApp(PaymentsModule, { database, clock });

let orderId: string;
beforeEach(() => {
  orderId = randomUUID();
});

const inTransaction = <T>(work: (handler: PaymentHandler) => Promise<T>): Promise<T> =>
  app.get(UnitOfWork).run(() => work(app.get(PaymentHandler)));
const authorize = (paymentMethod = 'tok_visa') =>
  inTransaction((handler) =>
    handler.authorize({ orderId, total: { amount: 1_780, currency: 'EUR' }, paymentMethod }),
  );
const status = async (): Promise<string | undefined> =>
  (await app.get(Payments).find(orderId))?.status;

describe('authorizing', () => {
  it('holds the amount, with the same answer however often it is asked', async () => {
    const [first, second] = [await authorize(), await authorize()];
    expect(first.contract).toBe(PaymentAuthorized);
    expect(second).toEqual(first);
    expect(await status()).toBe('authorized');
  });

  it.each([
    ['tok_declined', 'CARD_DECLINED'],
    ['tok_insufficient_funds', 'INSUFFICIENT_FUNDS'],
  ])('refuses %s for %s, and keeps to it', async (paymentMethod, reason) => {
    expect(await authorize(paymentMethod)).toEqual({
      contract: PaymentRefused,
      data: { orderId, reason },
    });
    expect((await authorize(paymentMethod)).contract).toBe(PaymentRefused);
  });

  it('gives up on a processor that does not answer, and keeps nothing', async () => {
    let outcome: unknown;
    const asking = authorize('tok_hang').catch((error: unknown) => (outcome = error));
    while (outcome === undefined) await clock.advance(500);
    await asking;
    expect(outcome).toBeInstanceOf(TimeoutError);
    expect(await status()).toBeUndefined();
  });
});

describe('capturing', () => {
  it('takes a held amount once', async () => {
    await authorize();
    for (let time = 0; time < 2; time++) {
      const answer = await inTransaction((handler) => handler.capture({ orderId }));
      expect(answer.contract).toBe(PaymentCaptured);
    }
    expect(await status()).toBe('captured');
  });

  it('is refused without a hold', async () => {
    const answer = await inTransaction((handler) => handler.capture({ orderId }));
    expect(answer).toMatchObject({ contract: CaptureRefused, data: { reason: 'NOT_AUTHORIZED' } });
  });
});

describe('undoing', () => {
  it('lets go of a hold, after which nothing can be captured', async () => {
    await authorize();
    await inTransaction((handler) => handler.void({ orderId }));
    expect(await status()).toBe('voided');
    const answer = await inTransaction((handler) => handler.capture({ orderId }));
    expect(answer.contract).toBe(CaptureRefused);
  });

  it('refuses an authorization that comes after it', async () => {
    await inTransaction((handler) => handler.void({ orderId }));
    expect((await authorize()).contract).toBe(PaymentRefused);
  });

  it('gives money back that was taken although the answer got lost', async () => {
    await authorize();
    await inTransaction((handler) => handler.capture({ orderId }));
    await inTransaction((handler) => handler.void({ orderId }));
    expect(await status()).toBe('refunded');
  });

  it('refunds a cancelled order once', async () => {
    await authorize();
    await inTransaction((handler) => handler.capture({ orderId }));
    await inTransaction((handler) => handler.refund({ orderId }));
    await inTransaction((handler) => handler.refund({ orderId }));
    const view = await app.request(`/payments/${orderId}`, { scopes: ['payments:read'] });
    expect(view.body).toEqual({
      orderId,
      status: 'refunded',
      total: { amount: 1_780, currency: 'EUR' },
      reason: null,
    });
  });
});
