import type { OrderLine } from '@shop/contracts';
import type { JSONColumnType } from 'kysely';

/** An article: `available` is what a new order may still take. */
export interface StockTable {
  sku: string;
  name: string;
  unit_price: number;
  currency: string;
  available: number;
}

/**
 * What an order holds. `released` gave it back; written for an order that never reserved, it
 * refuses a reservation that arrives late.
 */
export interface ReservationTable {
  order_id: string;
  status: 'reserved' | 'released';
  lines: JSONColumnType<OrderLine[]>;
}

export interface InventorySchema {
  stock: StockTable;
  reservation: ReservationTable;
}
