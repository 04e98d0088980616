import { defineCommand, defineEvent, defineReply, type DataOf } from '@rookery/messaging';
import { z } from 'zod';
import {
  Compensate,
  OnTimeout,
  Pivot,
  Reply,
  Saga,
  Start,
  Step,
} from '../definition/saga.decorator.js';
import { compensate, type Why } from '../engine/decision.js';

const order = z.object({ orderId: z.string() });
const success = <const N extends string>(name: N) =>
  defineReply(name, {
    owner: name.split('.')[0] ?? '',
    outcome: 'success',
    versions: { 1: order },
  });
const refusal = <const N extends string>(name: N) =>
  defineReply(name, {
    owner: name.split('.')[0] ?? '',
    outcome: 'refusal',
    versions: { 1: order.extend({ reason: z.string() }) },
  });

export const OrderPlaced = defineEvent('orders.order-placed', {
  topic: 'orders.events',
  owner: 'orders',
  key: ({ orderId }) => orderId,
  versions: { 1: order },
});

export const StockReserved = defineReply('inventory.stock-reserved', {
  owner: 'inventory',
  outcome: 'success',
  versions: { 1: order.extend({ stockId: z.string() }) },
});
export const StockRefused = refusal('inventory.stock-refused');
export const StockReleased = success('inventory.stock-released');
export const Authorized = success('payments.authorized');
export const PaymentRefused = refusal('payments.payment-refused');
export const Voided = success('payments.voided');
export const Captured = success('payments.captured');
export const CaptureRefused = refusal('payments.capture-refused');
export const Shipped = success('shipping.shipped');
export const ShippingRefused = refusal('shipping.shipping-refused');

const key = ({ orderId }: { orderId: string }): string => orderId;

export const ReserveStock = defineCommand('inventory.reserve-stock', {
  owner: 'inventory',
  key,
  versions: { 1: order },
  replies: [StockReserved, StockRefused],
});
export const ReleaseStock = defineCommand('inventory.release-stock', {
  owner: 'inventory',
  key,
  versions: { 1: order },
  replies: [StockReleased],
});
export const Authorize = defineCommand('payments.authorize', {
  owner: 'payments',
  key,
  versions: { 1: order },
  replies: [Authorized, PaymentRefused],
});
export const Void = defineCommand('payments.void', {
  owner: 'payments',
  key,
  versions: { 1: order },
  replies: [Voided],
});
export const Capture = defineCommand('payments.capture', {
  owner: 'payments',
  key,
  versions: { 1: order },
  replies: [Captured, CaptureRefused],
});
export const CreateShipment = defineCommand('shipping.create-shipment', {
  owner: 'shipping',
  key,
  versions: { 1: order },
  replies: [Shipped, ShippingRefused],
});

const State = z.object({ orderId: z.string(), stockId: z.string().default('') });
type State = z.infer<typeof State>;

/** Five steps: one here, two side by side elsewhere, the pivot, and one that cannot fail. */
@Saga({ name: 'place-order', version: 1, state: State, key: 'orderId', deadline: '10m' })
export class PlaceOrder {
  /** What was done in the service itself. */
  readonly done: string[] = [];

  @Start(OrderPlaced)
  begin({ orderId }: DataOf<typeof OrderPlaced>): State {
    return { orderId, stockId: '' };
  }

  @Step()
  async accept(_state: State): Promise<void> {
    this.done.push('accepted');
  }

  @Compensate('accept')
  async reject(_state: State, why: Why): Promise<void> {
    this.done.push(`rejected ${why.code}`);
  }

  @Step({ after: 'accept', send: ReserveStock, timeout: '30s' })
  reserve({ orderId }: State): DataOf<typeof ReserveStock> {
    return { orderId };
  }

  @Reply('reserve', StockReserved)
  reserved(state: State, { stockId }: DataOf<typeof StockReserved>): State {
    return { ...state, stockId };
  }

  @Compensate('reserve', { send: ReleaseStock })
  release({ orderId }: State): DataOf<typeof ReleaseStock> {
    return { orderId };
  }

  @Step({ after: 'accept', send: Authorize, timeout: '20s', retry: 2 })
  authorize({ orderId }: State): DataOf<typeof Authorize> {
    return { orderId };
  }

  @Compensate('authorize', { send: Void })
  voidPayment({ orderId }: State): DataOf<typeof Void> {
    return { orderId };
  }

  @OnTimeout('reserve')
  tooLate() {
    return compensate('STOCK_TIMEOUT');
  }

  @Pivot({ after: ['reserve', 'authorize'], send: Capture })
  capture({ orderId }: State): DataOf<typeof Capture> {
    return { orderId };
  }

  @Step({ after: 'capture', retriable: true, send: CreateShipment })
  ship({ orderId }: State): DataOf<typeof CreateShipment> {
    return { orderId };
  }
}
