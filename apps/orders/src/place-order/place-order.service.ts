import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { MessagePublisher } from '@rookery/messaging';
import { currentTraceId } from '@rookery/observability';
import { Transactional } from '@rookery/persistence';
import { OrderPlaced, type Money } from '@shop/contracts';
import { InventoryClient } from '../inventory-client/inventory.client.js';
import { Orders, type Order } from '../order/orders.repository.js';
import { MixedCurrenciesError } from './place-order.errors.js';
import type { PlaceOrderRequest } from './place-order.dto.js';

@Injectable()
export class PlaceOrderService {
  constructor(
    private readonly orders: Orders,
    private readonly inventory: InventoryClient,
    private readonly publisher: MessagePublisher,
  ) {}

  /**
   * Writes the order and the event that starts its saga. Repeating it with the same key returns the
   * order as it is by then.
   */
  async place(customer: string, key: string, request: PlaceOrderRequest): Promise<Order> {
    const earlier = await this.orders.findByKey(customer, key);
    if (earlier !== undefined) return earlier;
    // Priced before the transaction opens, so that no connection waits for another service.
    const total = await this.priceOf(request);
    return this.write(customer, key, request, total);
  }

  @Transactional()
  protected async write(
    customer: string,
    key: string,
    { lines, paymentMethod, dispatchAt }: PlaceOrderRequest,
    total: Money,
  ): Promise<Order> {
    const orderId = randomUUID();
    const inserted = await this.orders.insert({
      order_id: orderId,
      customer,
      idempotency_key: key,
      status: 'pending',
      lines: JSON.stringify(lines),
      amount: total.amount,
      currency: total.currency,
      dispatch_at: dispatchAt === undefined ? null : new Date(dispatchAt),
      trace_id: currentTraceId() ?? null,
    });
    if (inserted) {
      await this.publisher.publish(OrderPlaced, {
        orderId,
        customer,
        lines,
        total,
        paymentMethod,
        ...(dispatchAt === undefined ? {} : { dispatchAt }),
      });
    }
    const order = await this.orders.findByKey(customer, key);
    if (order === undefined) throw new Error(`order ${orderId} is missing after its insert`);
    return order;
  }

  private async priceOf({ lines }: PlaceOrderRequest): Promise<Money> {
    const articles = await Promise.all(lines.map(({ sku }) => this.inventory.article(sku)));
    const [first, ...rest] = new Set(articles.map(({ currency }) => currency));
    if (first === undefined || rest.length > 0) throw new MixedCurrenciesError();
    const amount = articles.reduce(
      (sum, article, at) => sum + article.unitPrice * (lines[at]?.quantity ?? 0),
      0,
    );
    return { amount, currency: first };
  }
}
