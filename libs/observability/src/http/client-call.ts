import type { Metrics } from '../metrics/metrics.js';
import type { Tracing } from '../tracing/tracing.js';
import { outgoingHeaders } from './http-headers.js';
import { exceptionOf, outcomeOf } from './outcome.js';

/** What is called. */
export interface ClientCall {
  /** The service that is called, for example `inventory`. */
  readonly client: string;
  readonly method: string;
  /** The template of the path, `/stock/:sku`; never the path itself. */
  readonly uri: string;
  readonly host?: string;
  readonly port?: number;
}

/** What observes a call. */
export interface ClientInstrumentation {
  readonly tracing: Tracing;
  readonly metrics: Metrics;
}

/** The part of a response that is observed; undici says `statusCode`, fetch says `status`. */
export type CallResponse = { readonly statusCode: number } | { readonly status: number };

/**
 * Makes one attempt of an outgoing HTTP call observed: a client span named `METHOD template`,
 * `http_client_requests_seconds`, and headers that carry trace, correlation id and deadline on. The
 * span covers `send` until it settles, so read the body within it when that shall be measured too.
 */
export function traceClientCall<T extends CallResponse>(
  { tracing, metrics }: ClientInstrumentation,
  { client, method, uri, host, port }: ClientCall,
  send: (headers: Record<string, string>) => Promise<T>,
): Promise<T> {
  const timer = metrics.histogram({
    name: 'http_client_requests_seconds',
    help: 'Duration of HTTP requests made',
    labels: ['client_name', 'method', 'uri', 'status', 'outcome', 'exception'],
  });
  const startedAt = performance.now();
  const record = (status: number | undefined, error?: unknown): void =>
    timer.observe(
      {
        client_name: client,
        method,
        uri,
        // Micrometer's words for a call that got no answer.
        status: status === undefined ? 'CLIENT_ERROR' : String(status),
        outcome: status === undefined ? 'UNKNOWN' : outcomeOf(status),
        exception: exceptionOf(error),
      },
      (performance.now() - startedAt) / 1000,
    );
  const attributes = {
    'http.request.method': method,
    'url.template': uri,
    'peer.service': client,
    ...(host === undefined ? {} : { 'server.address': host }),
    ...(port === undefined ? {} : { 'server.port': port }),
  };
  const started = tracing.start(`${method} ${uri}`, { kind: 'client', attributes });
  return started.run(async () => {
    try {
      const response = await send(outgoingHeaders(tracing));
      const status = 'statusCode' in response ? response.statusCode : response.status;
      started.span.setAttribute('http.response.status_code', status);
      if (status >= 400) started.fail(new Error(`HTTP ${status}`));
      record(status);
      return response;
    } catch (error) {
      started.fail(error);
      record(undefined, error);
      throw error;
    } finally {
      started.end();
    }
  });
}
