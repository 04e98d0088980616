import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import type { Selectable } from 'kysely';
import type { ShipmentTable, ShippingSchema } from '../persistence/schema.js';

export type Shipment = Selectable<ShipmentTable>;

@Injectable()
export class Shipments {
  constructor(private readonly database: Database<ShippingSchema>) {}

  find(orderId: string): Promise<Shipment | undefined> {
    return this.byOrder(orderId).executeTakeFirst();
  }

  /** The order's shipment, locked until the transaction ends. */
  lock(orderId: string): Promise<Shipment | undefined> {
    return this.byOrder(orderId).forUpdate().executeTakeFirst();
  }

  /** Scheduled shipments whose time has come, locked; those that another instance holds are left. */
  lockDue(now: Date, limit: number): Promise<Shipment[]> {
    return this.database.current
      .selectFrom('shipment')
      .selectAll()
      .where('status', '=', 'scheduled')
      .where('dispatch_at', '<=', now)
      .orderBy('dispatch_at')
      .limit(limit)
      .forUpdate()
      .skipLocked()
      .execute();
  }

  async save(shipment: Shipment): Promise<void> {
    const { order_id: _orderId, ...values } = shipment;
    await this.database.current
      .insertInto('shipment')
      .values(shipment)
      .onConflict((conflict) => conflict.column('order_id').doUpdateSet(values))
      .execute();
  }

  private byOrder(orderId: string) {
    return this.database.current.selectFrom('shipment').selectAll().where('order_id', '=', orderId);
  }
}
