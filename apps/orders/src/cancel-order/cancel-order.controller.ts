import { Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { CLOCK } from '@rookery/config';
import type { Clock, Principal } from '@rookery/core';
import { MessagePublisher } from '@rookery/messaging';
import { Transactional } from '@rookery/persistence';
import { NotFoundError, ValidatedParam } from '@rookery/platform';
import { CurrentUser, Scopes } from '@rookery/security';
import { OrderCancelled } from '@shop/contracts';
import { z } from 'zod';
import { viewOf, type OrderView } from '../order/order.view.js';
import { Orders } from '../order/orders.repository.js';
import { NotCancellableError } from './cancel-order.errors.js';

/** Time that the news of a cancellation may need to reach shipping before the parcel leaves. */
const NOTICE_MS = 30_000;

@Controller('orders')
export class CancelOrderController {
  constructor(
    private readonly orders: Orders,
    private readonly publisher: MessagePublisher,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Calls off an approved order whose dispatch is still to come. */
  @Post(':orderId/cancel')
  @HttpCode(200)
  @Scopes('orders:write')
  @Transactional()
  async cancel(
    @ValidatedParam('orderId', z.uuid()) orderId: string,
    @CurrentUser() user: Principal,
  ): Promise<OrderView> {
    const order = await this.orders.find(orderId);
    if (order?.customer !== user.subject) throw new NotFoundError('order', orderId);
    if (order.status === 'cancelled') return viewOf(order);
    const inTime = (order.dispatch_at?.getTime() ?? 0) >= this.clock.now() + NOTICE_MS;
    if (!inTime || !(await this.orders.move(orderId, ['approved'], 'cancelled'))) {
      throw new NotCancellableError(orderId, order.status);
    }
    await this.publisher.publish(OrderCancelled, { orderId });
    return viewOf({ ...order, status: 'cancelled' });
  }
}
