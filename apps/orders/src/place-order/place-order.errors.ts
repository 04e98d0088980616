import { RookeryError } from '@rookery/core';

/** The articles of one order are priced in different currencies. */
export class MixedCurrenciesError extends RookeryError {
  override readonly code = 'SHOP_ORDERS_MIXED_CURRENCIES';
  override readonly status = 422;
  override readonly title = 'Mixed currencies';

  constructor() {
    super('All articles of an order must be priced in one currency.');
  }
}

/** An article that nobody sells. */
export class UnknownArticleError extends RookeryError {
  override readonly code = 'SHOP_ORDERS_UNKNOWN_ARTICLE';
  override readonly status = 404;
  override readonly title = 'Unknown article';

  constructor(sku: string) {
    super(`There is no article '${sku}'.`, { details: { sku } });
  }
}
