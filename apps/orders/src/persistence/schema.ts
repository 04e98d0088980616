import type { OrderLine } from '@shop/contracts';
import type { ColumnType, Generated, JSONColumnType } from 'kysely';

export type OrderStatus = 'pending' | 'approved' | 'shipped' | 'rejected' | 'cancelled';

export interface OrderTable {
  order_id: string;
  customer: string;
  /** The client's key for this order: repeating a request with it finds the order again. */
  idempotency_key: string;
  status: OrderStatus;
  lines: JSONColumnType<OrderLine[]>;
  amount: number;
  currency: string;
  dispatch_at: ColumnType<Date | null, Date | null, never>;
  /** Why it was rejected. */
  reason: string | null;
  tracking_number: string | null;
  /** Trace of the request that placed it: the whole order is one trace. */
  trace_id: string | null;
  created_at: Generated<Date>;
}

export interface OrdersSchema {
  orders: OrderTable;
}
