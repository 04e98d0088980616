import { randomUUID } from 'node:crypto';
import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import type { Principal } from '@rookery/core';
import { ValidatedBody, ValidatedHeader } from '@rookery/platform';
import { CurrentUser, Scopes } from '@rookery/security';
import type { FastifyReply } from 'fastify';
import { viewOf, type OrderView } from '../order/order.view.js';
import { IdempotencyKey, PlaceOrderRequest } from './place-order.dto.js';
import { PlaceOrderService } from './place-order.service.js';

@Controller('orders')
export class PlaceOrderController {
  constructor(private readonly placeOrder: PlaceOrderService) {}

  /** Accepts an order. Its fate is decided in the background: look it up at `Location`. */
  @Post()
  @HttpCode(202)
  @Scopes('orders:write')
  async place(
    @ValidatedBody(PlaceOrderRequest) request: PlaceOrderRequest,
    @ValidatedHeader('idempotency-key', IdempotencyKey.optional()) key: string | undefined,
    @CurrentUser() user: Principal,
    @Res({ passthrough: true }) response: FastifyReply,
  ): Promise<OrderView> {
    const order = await this.placeOrder.place(user.subject, key ?? randomUUID(), request);
    response.header('location', `/orders/${order.order_id}`);
    return viewOf(order);
  }
}
