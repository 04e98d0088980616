import { Controller, Get } from '@nestjs/common';
import type { Principal } from '@rookery/core';
import { NotFoundError, ValidatedParam } from '@rookery/platform';
import { CurrentUser, Scopes } from '@rookery/security';
import { z } from 'zod';
import { viewOf, type OrderView } from './order.view.js';
import { Orders } from './orders.repository.js';

@Controller('orders')
export class OrderController {
  constructor(private readonly orders: Orders) {}

  @Get()
  @Scopes('orders:read')
  async mine(@CurrentUser() user: Principal): Promise<OrderView[]> {
    return (await this.orders.ofCustomer(user.subject, 100)).map(viewOf);
  }

  @Get(':orderId')
  @Scopes('orders:read')
  async one(
    @ValidatedParam('orderId', z.uuid()) orderId: string,
    @CurrentUser() user: Principal,
  ): Promise<OrderView> {
    const order = await this.orders.find(orderId);
    // Somebody else's order is answered like none at all: its existence is not ours to tell.
    if (order?.customer !== user.subject) throw new NotFoundError('order', orderId);
    return viewOf(order);
  }
}
