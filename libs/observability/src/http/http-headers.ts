import { currentContext, Deadline, type Clock } from '@rookery/core';
import type { Tracing } from '../tracing/tracing.js';

/** Ties together all that one request caused. Accepted when it is safe to log, and answered. */
export const CORRELATION_HEADER = 'x-correlation-id';

/**
 * Milliseconds that the caller still waits. HTTP has no standard for it: `Prefer: wait` (RFC 7240)
 * counts whole seconds and means something else, `grpc-timeout` belongs to gRPC. Envoy tells its
 * upstreams the same in `x-envoy-expected-rq-timeout-ms`, which is understood as well.
 */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';
const ENVOY_TIMEOUT_HEADER = 'x-envoy-expected-rq-timeout-ms';

const MAX_TIMEOUT_MS = 3_600_000;
const WHOLE = /^\d{1,9}$/;

/** The deadline that the caller asks for, if it does; at most an hour away. */
export function deadlineFrom(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  clock: Clock,
): Deadline | undefined {
  const value = headers[TIMEOUT_HEADER] ?? headers[ENVOY_TIMEOUT_HEADER];
  if (typeof value !== 'string' || !WHOLE.test(value)) return undefined;
  const ms = Number(value);
  return ms === 0 ? undefined : Deadline.in(Math.min(ms, MAX_TIMEOUT_MS), clock);
}

/** What an outgoing request tells of the running one: its trace, correlation id and deadline. */
export function outgoingHeaders(tracing: Tracing): Record<string, string> {
  const headers: Record<string, string> = {};
  tracing.inject(headers);
  const context = currentContext();
  if (context === undefined) return headers;
  headers[CORRELATION_HEADER] = context.correlationId;
  if (context.deadline !== undefined) {
    headers[TIMEOUT_HEADER] = String(Math.max(1, Math.floor(context.deadline.remainingMs)));
  }
  return headers;
}
