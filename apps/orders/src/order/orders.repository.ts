import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import type { Insertable, Selectable } from 'kysely';
import type { OrdersSchema, OrderStatus, OrderTable } from '../persistence/schema.js';

export type Order = Selectable<OrderTable>;

@Injectable()
export class Orders {
  constructor(private readonly database: Database<OrdersSchema>) {}

  /** Inserts a new order; false if the customer has one with this idempotency key. */
  async insert(order: Insertable<OrderTable>): Promise<boolean> {
    const result = await this.database.current
      .insertInto('orders')
      .values(order)
      .onConflict((conflict) => conflict.columns(['customer', 'idempotency_key']).doNothing())
      .executeTakeFirst();
    return result.numInsertedOrUpdatedRows === 1n;
  }

  find(orderId: string): Promise<Order | undefined> {
    return this.database.current
      .selectFrom('orders')
      .selectAll()
      .where('order_id', '=', orderId)
      .executeTakeFirst();
  }

  findByKey(customer: string, idempotencyKey: string): Promise<Order | undefined> {
    return this.database.current
      .selectFrom('orders')
      .selectAll()
      .where('customer', '=', customer)
      .where('idempotency_key', '=', idempotencyKey)
      .executeTakeFirst();
  }

  /** The customer's newest orders. */
  ofCustomer(customer: string, limit: number): Promise<Order[]> {
    return this.database.current
      .selectFrom('orders')
      .selectAll()
      .where('customer', '=', customer)
      .orderBy('created_at', 'desc')
      .limit(limit)
      .execute();
  }

  /** Moves an order on, if it is in one of the states `from`; false if it is not. */
  async move(
    orderId: string,
    from: readonly OrderStatus[],
    to: OrderStatus,
    change: { reason?: string; tracking_number?: string } = {},
  ): Promise<boolean> {
    const result = await this.database.current
      .updateTable('orders')
      .set({ status: to, ...change })
      .where('order_id', '=', orderId)
      .where('status', 'in', from)
      .executeTakeFirst();
    return result.numUpdatedRows === 1n;
  }
}
