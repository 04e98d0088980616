import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import type { Selectable } from 'kysely';
import type { PaymentsSchema, PaymentTable } from '../persistence/schema.js';

export type Payment = Selectable<PaymentTable>;

@Injectable()
export class Payments {
  constructor(private readonly database: Database<PaymentsSchema>) {}

  find(orderId: string): Promise<Payment | undefined> {
    return this.byOrder(orderId).executeTakeFirst();
  }

  /** The order's payment, locked until the transaction ends. */
  lock(orderId: string): Promise<Payment | undefined> {
    return this.byOrder(orderId).forUpdate().executeTakeFirst();
  }

  async save(payment: Payment): Promise<void> {
    const { order_id: _orderId, ...values } = payment;
    await this.database.current
      .insertInto('payment')
      .values(payment)
      .onConflict((conflict) => conflict.column('order_id').doUpdateSet(values))
      .execute();
  }

  private byOrder(orderId: string) {
    return this.database.current.selectFrom('payment').selectAll().where('order_id', '=', orderId);
  }
}
