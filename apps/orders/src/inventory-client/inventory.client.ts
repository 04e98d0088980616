import { exchange, Get, HttpClient, Path, RemoteError } from '@rookery/http-client';
import { CircuitBreaker, Fallback, Retry, Timeout } from '@rookery/resilience';
import { UnknownArticleError } from '../place-order/place-order.errors.js';

export interface Article {
  readonly sku: string;
  readonly name: string;
  readonly unitPrice: number;
  readonly currency: string;
}

/** What orders asks of inventory: the price of an article. */
@HttpClient('inventory', { auth: 'service' })
export class InventoryClient {
  @Get('/inventory/stock/:sku')
  @Retry({ attempts: 3, backoff: { initial: '50ms', jitter: 0.5 } })
  @CircuitBreaker('inventory')
  @Timeout('800ms')
  @Fallback('explain', { on: [RemoteError] })
  article(@Path('sku') _sku: string): Promise<Article> {
    return exchange();
  }

  protected explain(sku: string, error: RemoteError): never {
    throw error.status === 404 ? new UnknownArticleError(sku) : error;
  }
}
