/** What the bank said to a request for a hold. */
export type Authorization =
  | { readonly approved: true; readonly authorizationId: string }
  | { readonly approved: false; readonly reason: string };

/**
 * The bank behind a card. All calls carry the order's id as idempotency key: repeating one has the
 * effect of making it once.
 */
export abstract class CardProcessor {
  /** Holds an amount. */
  abstract authorize(
    orderId: string,
    amount: number,
    currency: string,
    paymentMethod: string,
  ): Promise<Authorization>;
  /** Takes a held amount. */
  abstract capture(orderId: string, authorizationId: string): Promise<void>;
  /** Lets go of a held amount. */
  abstract void(orderId: string, authorizationId: string): Promise<void>;
  /** Gives back a taken amount. */
  abstract refund(orderId: string, authorizationId: string): Promise<void>;
}
