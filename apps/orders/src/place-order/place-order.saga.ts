import { Injectable } from '@nestjs/common';
import { MessagePublisher, type DataOf } from '@rookery/messaging';
import { Compensate, Pivot, Saga, Start, Step, type Why } from '@rookery/saga';
import {
  AuthorizePayment,
  CapturePayment,
  CreateShipment,
  Money,
  OrderApproved,
  OrderId,
  OrderLine,
  OrderPlaced,
  OrderRejected,
  ReleaseStock,
  ReserveStock,
  VoidPayment,
} from '@shop/contracts';
import { z } from 'zod';
import { Orders } from '../order/orders.repository.js';

const State = z.object({
  orderId: OrderId,
  lines: z.array(OrderLine),
  total: Money,
  paymentMethod: z.string(),
  dispatchAt: z.iso.datetime().optional(),
});
type State = z.infer<typeof State>;

/**
 * Sees an order through: stock and payment are asked for side by side, the money is taken once both
 * agree, and from then on the order can only be late, not fail. Whatever goes wrong before that is
 * undone in reverse.
 */
@Injectable()
@Saga({ name: 'place-order', version: 1, state: State, key: 'orderId', deadline: '10m' })
export class PlaceOrder {
  constructor(
    private readonly orders: Orders,
    private readonly publisher: MessagePublisher,
  ) {}

  @Start(OrderPlaced)
  begin(event: DataOf<typeof OrderPlaced>): State {
    const { customer: _customer, ...state } = event;
    return state;
  }

  /** The order is pending already; what this step adds is its undoing. */
  @Step()
  async accept(_state: State): Promise<void> {}

  @Compensate('accept')
  async reject({ orderId }: State, why: Why): Promise<void> {
    if (await this.orders.move(orderId, ['pending'], 'rejected', { reason: why.code })) {
      await this.publisher.publish(OrderRejected, { orderId, reason: why.code });
    }
  }

  @Step({ after: 'accept', send: ReserveStock, timeout: '10s' })
  reserve({ orderId, lines }: State): DataOf<typeof ReserveStock> {
    return { orderId, lines };
  }

  @Compensate('reserve', { send: ReleaseStock })
  release({ orderId }: State): DataOf<typeof ReleaseStock> {
    return { orderId };
  }

  @Step({ after: 'accept', send: AuthorizePayment, timeout: '10s' })
  authorize({ orderId, total, paymentMethod }: State): DataOf<typeof AuthorizePayment> {
    return { orderId, total, paymentMethod };
  }

  @Compensate('authorize', { send: VoidPayment })
  voidAuthorization({ orderId }: State): DataOf<typeof VoidPayment> {
    return { orderId };
  }

  @Pivot({ after: ['reserve', 'authorize'], send: CapturePayment })
  capture({ orderId }: State): DataOf<typeof CapturePayment> {
    return { orderId };
  }

  @Step({ after: 'capture', retriable: true, send: CreateShipment })
  ship({ orderId, lines, dispatchAt }: State): DataOf<typeof CreateShipment> {
    return { orderId, lines, ...(dispatchAt === undefined ? {} : { dispatchAt }) };
  }

  @Step({ after: 'ship', retriable: true })
  async approve({ orderId }: State): Promise<void> {
    await this.orders.move(orderId, ['pending'], 'approved');
    await this.publisher.publish(OrderApproved, { orderId });
  }
}
