import { MessagingRuntime, type Subscription } from '@rookery/messaging';
import { expect, it } from 'vitest';
import { defineSaga } from '../definition/define-saga.js';
import { PlaceOrder } from '../testing/place-order.fixture.js';
import { subscribeSagas } from './saga-subscriptions.js';

class Recorded extends MessagingRuntime {
  readonly subscriptions: Subscription[] = [];
  subscribe(subscription: unknown): void {
    this.subscriptions.push(subscription as Subscription);
  }
  subscribeRecords(): void {}
  subscribeTombstones(): void {}
  subscribeBatches(): void {}
}

it('keeps a reply, that only a newer release can take, for as long as a rollout may last', () => {
  const runtime = new Recorded();
  const definition = defineSaga(new PlaceOrder(), { stepTimeoutMs: 1_000 });
  const engine = { start: async () => undefined, reply: async () => {} };
  subscribeSagas(runtime, engine, [definition], 'orders');
  const replies = runtime.subscriptions.find(({ topics }) => topics?.includes('orders.replies'));
  const { attempts = 0, backoff = {} } = replies?.retry ?? {};
  let shortestMs = 0;
  for (let attempt = 1; attempt < attempts; attempt++) {
    const pause = Number(backoff.initial) * (backoff.factor ?? 1) ** (attempt - 1);
    // Chance may halve each pause.
    shortestMs += Math.min(pause, Number(backoff.max)) / 2;
  }
  expect(shortestMs).toBeGreaterThan(4 * 60_000);
});
