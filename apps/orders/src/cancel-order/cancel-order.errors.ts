import { RookeryError } from '@rookery/core';

/** The order is not approved yet, is on its way, or has ended. */
export class NotCancellableError extends RookeryError {
  override readonly code = 'SHOP_ORDERS_NOT_CANCELLABLE';
  override readonly status = 409;
  override readonly title = 'Not cancellable';

  constructor(orderId: string, status: string) {
    super(
      `Order ${orderId} is ${status}; only an approved order can be cancelled before dispatch.`,
      {
        details: { orderId, orderStatus: status },
      },
    );
  }
}
