import type { Metrics } from '@rookery/observability';
import { gatewayRequests } from './gateway.channels.js';

/**
 * Counts what a gateway does, under Spring Cloud Gateway's name. Returns the function that ends it.
 *
 * @param app only requests of this service; several may share a process
 */
export function gatewayMetrics(metrics: Metrics, app: string): () => void {
  const timer = metrics.histogram({
    name: 'spring_cloud_gateway_requests_seconds',
    help: 'Duration of requests that the gateway forwarded or refused',
    labels: ['routeId', 'routeUri', 'httpMethod', 'httpStatusCode', 'outcome'],
  });
  return gatewayRequests.subscribe((request) => {
    if (request.app !== app) return;
    timer.observe(
      {
        routeId: request.routeId,
        routeUri: request.upstream,
        httpMethod: request.method,
        httpStatusCode: String(request.status),
        outcome: OUTCOMES[Math.floor(request.status / 100)] ?? 'UNKNOWN',
      },
      request.durationMs / 1_000,
    );
  });
}

/** Micrometer's words for classes of status codes. */
const OUTCOMES: Readonly<Record<number, string>> = {
  1: 'INFORMATIONAL',
  2: 'SUCCESS',
  3: 'REDIRECTION',
  4: 'CLIENT_ERROR',
  5: 'SERVER_ERROR',
};
