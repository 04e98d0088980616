import { randomUUID } from 'node:crypto';
import { isCorrelationId, runInContext, systemClock, type Clock } from '@rookery/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.js';
import type { StartedSpan, Tracing } from '../tracing/tracing.js';
import { HttpContext } from './http-context.js';
import { CORRELATION_HEADER, deadlineFrom } from './http-headers.js';
import { exceptionOf, outcomeOf } from './outcome.js';

/** Options of {@link instrumentFastify}. */
export interface FastifyInstrumentation {
  readonly tracing: Tracing;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** The service, the `app` of each request's context. */
  readonly app: string;
  readonly clock?: Clock;
  /** Requests without span and with their log line at `debug`. Default: {@link isProbe}. */
  readonly quiet?: (url: string) => boolean;
}

interface RequestState {
  readonly method: string;
  readonly traceId: string | undefined;
  readonly span: StartedSpan | undefined;
  readonly startedAt: number;
  readonly quiet: boolean;
  readonly context: HttpContext;
  finished: boolean;
  route: string;
  error: unknown;
}

const STATE = Symbol('rookery.http');
type Instrumented = FastifyRequest & { [STATE]?: RequestState };

/** Whether a URL is polled by machines: health, info, metrics, sagas and traces. */
export function isProbe(url: string): boolean {
  return /^\/manage\/(?:health|info|prometheus|sagas|traces)(?:[/?]|$)/.test(url);
}

/**
 * Makes every request of a Fastify server a unit of work: a `RequestContext` with correlation
 * id, deadline and abort signal, a server span named `METHOD route`, one log line, and
 * `http_server_requests_seconds`. All that runs for the request runs within that context, from the
 * first hook to the last line of the handler, the reading of its body included.
 *
 * Call it once, before routes are registered.
 */
export function instrumentFastify(
  fastify: FastifyInstance,
  { tracing, metrics, logger, app, clock = systemClock, quiet = isProbe }: FastifyInstrumentation,
): void {
  const timer = metrics.histogram({
    name: 'http_server_requests_seconds',
    help: 'Duration of HTTP requests served',
    labels: ['method', 'uri', 'status', 'outcome', 'exception'],
  });

  fastify.decorateRequest(STATE as never, undefined as never);

  fastify.addHook('onRequest', (request: Instrumented, reply, done) => {
    const { method } = request;
    const silent = quiet(request.raw.url ?? '');
    const route = routeOf(request);
    const span = silent ? undefined : startSpan(tracing, request, method, route);
    const claimed = request.headers[CORRELATION_HEADER];
    const correlationId = isCorrelationId(claimed) ? claimed : (span?.traceId ?? randomUUID());
    const deadline = deadlineFrom(request.headers, clock);
    const context = new HttpContext(app, correlationId, deadline, reply.raw, clock);
    const state: RequestState = {
      method,
      traceId: span?.traceId,
      span,
      startedAt: clock.monotonic(),
      quiet: silent,
      context,
      finished: false,
      route,
      error: undefined,
    };
    request[STATE] = state;
    // Fastify tells nothing of a request whose caller left before its answer.
    reply.raw.once('close', () => finish(state, reply));
    request.id = correlationId;
    reply.header(CORRELATION_HEADER, correlationId);
    runInContext(context, span === undefined ? done : () => span.run(done));
  });

  // Only errors that no filter has answered come here.
  fastify.addHook('onError', (request: Instrumented, _reply, error, done) => {
    noteError(request, error);
    done();
  });

  fastify.addHook('onResponse', (request: Instrumented, reply, done) => {
    const state = request[STATE];
    if (state !== undefined) finish(state, reply);
    done();
  });

  function finish(state: RequestState, reply: FastifyReply): void {
    if (state.finished) return;
    state.finished = true;
    const { method, route, span, error } = state;
    const answered = reply.raw.writableFinished;
    state.context.end(answered);
    // nginx's status for a caller that left before its answer.
    const status = answered ? reply.statusCode : 499;
    const ms = clock.monotonic() - state.startedAt;
    timer.observe(
      {
        method,
        uri: route,
        status: String(status),
        outcome: outcomeOf(status),
        exception: exceptionOf(error),
      },
      ms / 1000,
    );
    if (span !== undefined) endSpan(span, state, status);
    // What machines ask says no to them many times while a service starts or drains: no error.
    const level = state.quiet ? 'debug' : status >= 500 ? 'error' : 'info';
    logger[level](
      {
        service: app,
        correlationId: state.context.correlationId,
        traceId: state.traceId,
        spanId: span?.span.spanContext().spanId,
        http: { method, route, status, ms: Math.round(ms * 100) / 100 },
        ...(error !== undefined && status >= 500 ? { err: error } : {}),
      },
      `${method} ${route} ${status}`,
    );
  }
}

/** Tells what a request failed with; for exception filters, which answer errors themselves. */
export function noteError(request: FastifyRequest, error: unknown): void {
  const state = (request as Instrumented)[STATE];
  if (state !== undefined) state.error ??= error;
}

/**
 * Names the route of a request where one pattern serves many, as a gateway's catch-all does. Takes
 * a template or a route's id, never a raw path.
 */
export function nameRoute(request: FastifyRequest, route: string): void {
  const state = (request as Instrumented)[STATE];
  if (state === undefined) return;
  state.route = route;
  state.span?.span.updateName(`${state.method} ${route}`);
}

function routeOf(request: FastifyRequest): string {
  return request.is404 ? 'UNKNOWN' : (request.routeOptions.url ?? 'UNKNOWN');
}

function startSpan(
  tracing: Tracing,
  request: FastifyRequest,
  method: string,
  route: string,
): StartedSpan {
  const url = request.raw.url ?? '';
  const query = url.indexOf('?');
  return tracing.start(route === 'UNKNOWN' ? method : `${method} ${route}`, {
    kind: 'server',
    parent: tracing.extract(request.headers),
    attributes: {
      'http.request.method': method,
      // Without the query: it may carry secrets.
      'url.path': query === -1 ? url : url.slice(0, query),
    },
  });
}

function endSpan(started: StartedSpan, state: RequestState, status: number): void {
  const { span } = started;
  span.setAttribute('http.route', state.route);
  span.setAttribute('http.response.status_code', status);
  if (status >= 500) started.fail(state.error ?? new Error(`HTTP ${status}`));
  else if (state.error !== undefined) span.setAttribute('error.type', exceptionOf(state.error));
  started.end();
}
