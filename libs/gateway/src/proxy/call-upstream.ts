import type { Readable } from 'node:stream';
import { AbortedError } from '@rookery/core';
import { traceClientCall, type ClientInstrumentation } from '@rookery/observability';
import { isDependencyFailure, type CircuitBreakerEngine } from '@rookery/resilience';
import type { Dispatcher } from 'undici';
import type { Patience } from './patience.js';
import type { RequestDraft } from '../route/filters.js';
import type { Route } from '../route/route-table.js';
import type { CallOutcome, UpstreamBalancer, UpstreamLease } from '../upstream/balancer.js';
import { upstreamError, wasCutOff, wasRefused } from '../upstream/upstream-error.js';
import type { UpstreamPools } from '../upstream/upstream-pools.js';

/** What calling upstreams needs. */
export interface UpstreamParts {
  readonly pools: UpstreamPools;
  readonly balancer: UpstreamBalancer;
  /** The breaker of an upstream, by its name. */
  readonly breaker: (upstream: string) => CircuitBreakerEngine;
  readonly instrumentation: ClientInstrumentation | undefined;
}

/** One request to an upstream. */
export interface UpstreamRequest {
  readonly route: Route;
  readonly draft: RequestDraft;
  readonly body: Readable | undefined;
  /** Host header of the client. */
  readonly clientHost: string;
  readonly retries: number;
  /** Ends when the client left, or the answer did not begin in time. */
  readonly patience: Patience;
}

/** An answer that has begun, and how to end the call once its body has been passed on. */
export interface UpstreamAnswer {
  readonly response: Dispatcher.ResponseData;
  /** Ends the lease of the instance. */
  done(outcome: CallOutcome): void;
}

/** Answers with which an upstream, or a proxy before it, says that it cannot serve. */
const FAILING: ReadonlySet<number> = new Set([502, 503, 504]);
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Sends a request to an instance of the route's upstream, and to another one when the first cannot
 * be reached and the request may be repeated.
 *
 * @throws CircuitOpenError, UpstreamTimeoutError, UpstreamUnreachableError, UpstreamFailedError,
 * UpstreamBusyError, AbortedError, or what the balancer throws when there is no instance
 */
export async function callUpstream(
  parts: UpstreamParts,
  request: UpstreamRequest,
): Promise<UpstreamAnswer> {
  const { route, draft, body, retries, patience } = request;
  const repeatable = body === undefined && IDEMPOTENT.has(draft.method);
  const tried = new Set<string>();
  let lease = leaseOf(parts.balancer, route, tried);
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptCall(parts, request, lease);
    } catch (error) {
      const cause: unknown = patience.reason ?? error;
      lease.release(outcomeOf(cause));
      const again = repeatable && attempt < retries && !patience.over && mayRepeat(error);
      if (!wasCutOff(error)) tried.add(lease.instanceId);
      const next = again ? otherLease(parts.balancer, route, tried) : undefined;
      if (next === undefined) throw upstreamError(cause, route.upstream.name);
      lease = next;
    }
  }
}

async function attemptCall(
  parts: UpstreamParts,
  request: UpstreamRequest,
  lease: UpstreamLease,
): Promise<UpstreamAnswer> {
  const { route } = request;
  const breaker = parts.breaker(route.upstream.name);
  const admission = breaker.admit();
  if (admission === undefined) throw breaker.refusal();
  const startedAt = breaker.startTime();
  try {
    const response = await send(parts, request, lease);
    if (FAILING.has(response.statusCode)) {
      breaker.failed(admission, startedAt, { status: response.statusCode });
    } else {
      breaker.succeeded(admission, startedAt, undefined);
    }
    return { response, done: (outcome) => lease.release(outcome) };
  } catch (error) {
    breaker.failed(admission, startedAt, request.patience.reason ?? error);
    throw error;
  }
}

function send(
  { pools, instrumentation }: UpstreamParts,
  { route, draft, body, clientHost, patience }: UpstreamRequest,
  { origin }: UpstreamLease,
): Promise<Dispatcher.ResponseData> {
  const exchange = (added: Readonly<Record<string, string>>): Promise<Dispatcher.ResponseData> =>
    pools.use(origin, async (pool) => {
      // undici asks an AbortSignal whether it is too late already, but not an emitter.
      if (patience.reason !== undefined) throw patience.reason;
      const headers = draft.headers.flat();
      for (const [name, value] of Object.entries(added)) headers.push(name, value);
      if (draft.preserveHost) headers.push('host', clientHost);
      return pool.request({
        method: draft.method,
        path: draft.query === '' ? draft.path : `${draft.path}?${draft.query}`,
        headers,
        body: body ?? null,
        signal: patience,
      });
    });
  if (instrumentation === undefined) return exchange({});
  const { hostname, port } = new URL(origin);
  return traceClientCall(
    instrumentation,
    {
      client: route.upstream.name,
      method: draft.method,
      uri: route.id,
      host: hostname,
      port: Number(port),
    },
    exchange,
  );
}

function outcomeOf(cause: unknown): CallOutcome {
  if (wasRefused(cause)) return 'unreachable';
  return isDependencyFailure(cause) && !(cause instanceof AbortedError) ? 'failure' : 'aborted';
}

/** Whether the same idempotent request may be sent once more. */
function mayRepeat(error: unknown): boolean {
  return wasRefused(error) || wasCutOff(error);
}

function leaseOf(
  balancer: UpstreamBalancer,
  { upstream }: Route,
  tried: ReadonlySet<string>,
): UpstreamLease {
  if (upstream.kind === 'service') return balancer.choose(upstream.name, tried);
  return { instanceId: upstream.origin, origin: upstream.origin, release: () => {} };
}

/** An instance that was not tried yet. With none, what the first attempt met is the answer. */
function otherLease(
  balancer: UpstreamBalancer,
  route: Route,
  tried: ReadonlySet<string>,
): UpstreamLease | undefined {
  try {
    const lease = leaseOf(balancer, route, tried);
    if (!tried.has(lease.instanceId)) return lease;
    lease.release('aborted');
  } catch {
    // The balancer has none left.
  }
  return undefined;
}
