/**
 * The money of an order. `voided` and `refused` are final; `voided` written for an order that was
 * never authorized refuses an authorization that arrives late.
 */
export interface PaymentTable {
  order_id: string;
  status: 'authorized' | 'refused' | 'captured' | 'voided' | 'refunded';
  amount: number;
  currency: string;
  authorization_id: string | null;
  reason: string | null;
}

export interface PaymentsSchema {
  payment: PaymentTable;
}
