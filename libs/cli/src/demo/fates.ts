/** What shall become of an order of the demo. */
export interface Fate {
  readonly name: string;
  readonly paymentMethod: string;
  /** Which of the run's articles it orders. */
  readonly article: 'plenty' | 'rare';
  /** How it must end when every service is well. */
  readonly ends: 'shipped' | 'rejected' | 'cancelled';
  /** Why it is rejected then. */
  readonly reason?: RegExp;
  /** Ordered for later, approved, then cancelled by the customer. */
  readonly cancelled?: boolean;
}

const SHIPPED: Fate = {
  name: 'card accepted',
  paymentMethod: 'tok_visa',
  article: 'plenty',
  ends: 'shipped',
};

/** The fates, in the order they are dealt; each round of ten has five orders that go well. */
export const FATES: readonly Fate[] = [
  SHIPPED,
  {
    name: 'card declined',
    paymentMethod: 'tok_declined',
    article: 'plenty',
    ends: 'rejected',
    reason: /CARD_DECLINED/,
  },
  SHIPPED,
  { name: 'last pieces', paymentMethod: 'tok_visa', article: 'rare', ends: 'shipped' },
  {
    name: 'cancelled by the customer',
    paymentMethod: 'tok_visa',
    article: 'plenty',
    ends: 'cancelled',
    cancelled: true,
  },
  SHIPPED,
  {
    name: 'no funds',
    paymentMethod: 'tok_insufficient_funds',
    article: 'plenty',
    ends: 'rejected',
    reason: /INSUFFICIENT_FUNDS/,
  },
  SHIPPED,
  {
    name: 'card processor silent',
    paymentMethod: 'tok_hang',
    article: 'plenty',
    ends: 'rejected',
    reason: /TIMEOUT/,
  },
  SHIPPED,
];
