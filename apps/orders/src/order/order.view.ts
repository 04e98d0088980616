import type { OrderLine } from '@shop/contracts';
import type { Order } from './orders.repository.js';

/** An order as its customer sees it. */
export interface OrderView {
  orderId: string;
  status: string;
  lines: readonly OrderLine[];
  total: { amount: number; currency: string };
  reason: string | null;
  trackingNumber: string | null;
  dispatchAt: string | null;
  traceId: string | null;
  createdAt: string;
}

export function viewOf(order: Order): OrderView {
  return {
    orderId: order.order_id,
    status: order.status,
    lines: order.lines,
    total: { amount: order.amount, currency: order.currency },
    reason: order.reason,
    trackingNumber: order.tracking_number,
    dispatchAt: order.dispatch_at?.toISOString() ?? null,
    traceId: order.trace_id,
    createdAt: order.created_at.toISOString(),
  };
}
