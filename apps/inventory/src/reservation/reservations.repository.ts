import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import type { OrderLine } from '@shop/contracts';
import type { InventorySchema } from '../persistence/schema.js';

export interface Reservation {
  readonly orderId: string;
  readonly status: 'reserved' | 'released';
  readonly lines: readonly OrderLine[];
}

@Injectable()
export class Reservations {
  constructor(private readonly database: Database<InventorySchema>) {}

  /** The order's reservation, locked until the transaction ends. */
  async lock(orderId: string): Promise<Reservation | undefined> {
    const row = await this.database.current
      .selectFrom('reservation')
      .selectAll()
      .where('order_id', '=', orderId)
      .forUpdate()
      .executeTakeFirst();
    return row && { orderId: row.order_id, status: row.status, lines: row.lines };
  }

  async save({ orderId, status, lines }: Reservation): Promise<void> {
    const values = { status, lines: JSON.stringify(lines) };
    await this.database.current
      .insertInto('reservation')
      .values({ order_id: orderId, ...values })
      .onConflict((conflict) => conflict.column('order_id').doUpdateSet(values))
      .execute();
  }
}
