import type { IncomingMessage, ServerResponse } from 'node:http';
import { AbortedError, systemClock, type Clock, type Principal } from '@rookery/core';
import { bearerToken, ForbiddenError, UnauthorizedError } from '@rookery/security';
import { gatewayRequests } from '../gateway.channels.js';
import { NoRouteError, UpstreamFailedError, UpstreamTimeoutError } from '../gateway.errors.js';
import type { GatewayOptions } from '../gateway.options.js';
import { admit, announcedLength, checkAnnounced, type Admitted } from '../request/admission.js';
import { droppedFromRequest, droppedFromResponse } from '../request/connection-headers.js';
import { HeaderList } from '../request/header-list.js';
import { LimitedBody } from '../request/limited-body.js';
import type { DirectAnswer, RequestDraft, ResponseDraft } from '../route/filters.js';
import { RouteTable, type Match, type Route } from '../route/route-table.js';
import type { CallOutcome } from '../upstream/balancer.js';
import { UpstreamPools } from '../upstream/upstream-pools.js';
import { callUpstream, type UpstreamAnswer, type UpstreamParts } from './call-upstream.js';
import { settleConnection } from './drain.js';
import { Patience } from './patience.js';
import { answerProblem } from './problem-response.js';
import { pump } from './pump.js';

/** What a {@link Gateway} is made of. */
export interface GatewayParts extends Omit<UpstreamParts, 'pools'> {
  readonly app: string;
  readonly options: GatewayOptions;
  /** Says whom a token speaks for, or throws. */
  readonly verify: (token: string) => Promise<Principal>;
  readonly clock?: Clock;
}

/** What the server around the gateway knows of a request. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Address of the client. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
  readonly correlationId: string | undefined;
  readonly traceId: string | undefined;
  /** Called when a route was found, before anything is sent. */
  readonly onRoute?: (route: Route) => void;
}

interface Forwarding extends Exchange {
  readonly admitted: Admitted;
  readonly match: Match;
  readonly principal: Principal | undefined;
}

const CORRELATION = 'x-correlation-id';

/**
 * The gateway: takes one request at a time from an HTTP server of Node and answers it, from an
 * upstream or with a problem document. Routes can be replaced while requests are under way.
 */
export class Gateway {
  readonly #pools: UpstreamPools;
  readonly #clock: Clock;
  #options: GatewayOptions;
  #routes: RouteTable;

  /** @throws Error when a route is wrong; the schema of the options finds it first */
  constructor(private readonly parts: GatewayParts) {
    this.#clock = parts.clock ?? systemClock;
    this.#options = parts.options;
    this.#routes = new RouteTable(parts.options);
    this.#pools = new UpstreamPools(() => this.#options);
  }

  /** The options in force. */
  get options(): GatewayOptions {
    return this.#options;
  }

  /** Takes other options over; requests under way end by the old ones. */
  update(options: GatewayOptions): void {
    const routes = new RouteTable(options);
    const before = this.#options;
    this.#options = options;
    this.#routes = routes;
    const pooling = ['connections', 'connectTimeout', 'idleTimeout'] as const;
    if (pooling.some((key) => before[key] !== options[key])) this.#pools.reset();
  }

  /** Ends all connections to upstreams. */
  close(): Promise<void> {
    return this.#pools.close();
  }

  /** Answers a request. Never rejects: whatever goes wrong is the answer. */
  async handle(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    const startedAt = this.#clock.monotonic();
    let route: Route | undefined;
    let status: number;
    try {
      const admitted = admit(request, this.#options);
      const match = this.#routes.find({ ...admitted, headers: request.headers });
      if (match === undefined) throw new NoRouteError();
      route = match.route;
      exchange.onRoute?.(route);
      const principal = await this.#authenticate(request, route);
      status = await this.#forward({ ...exchange, admitted, match, principal });
      void settleConnection(request, this.#clock);
    } catch (error) {
      status = error instanceof AbortedError ? error.status : this.#answerProblem(exchange, error);
      if (error instanceof AbortedError) response.destroy();
    }
    if (gatewayRequests.hasSubscribers) {
      gatewayRequests.publish({
        app: this.parts.app,
        routeId: route?.id ?? 'none',
        upstream: route?.upstream.name ?? '',
        method: request.method ?? '',
        status,
        durationMs: this.#clock.monotonic() - startedAt,
      });
    }
  }

  async #authenticate(request: IncomingMessage, { auth }: Route): Promise<Principal | undefined> {
    if (auth.public) return undefined;
    const token = bearerToken(request);
    if (token === undefined) throw new UnauthorizedError('missing', 'a bearer token is needed');
    const principal = await this.parts.verify(token);
    const missing = auth.scopes.filter((scope) => !principal.scopes.has(scope));
    if (missing.length > 0) {
      throw new ForbiddenError(`the token lacks the scope ${missing.join(' ')}`, auth.scopes);
    }
    return principal;
  }

  async #forward(forwarding: Forwarding): Promise<number> {
    const { request, response, match } = forwarding;
    const { route } = match;
    const length = announcedLength(request);
    checkAnnounced(length, route.bodyLimit);
    const draft = draftOf(forwarding);
    for (const { request: change } of route.filters) {
      const direct = change?.(draft);
      if (direct !== undefined) return answerDirectly(forwarding, direct);
    }
    const patience = new Patience();
    const left = (): void => patience.end(new AbortedError('request'));
    response.once('close', left);
    const expire = (): void =>
      patience.end(new UpstreamTimeoutError(route.upstream.name, route.timeoutMs));
    let cancel = this.#clock.after(route.timeoutMs, expire);
    let answered = false;
    if (length !== 0) {
      // While the client still sends, the time is its own; the server limits that.
      request.once('end', () => {
        cancel();
        if (!answered) cancel = this.#clock.after(route.timeoutMs, expire);
      });
    }
    let answer: UpstreamAnswer;
    try {
      answer = await callUpstream(
        { ...this.parts, pools: this.#pools },
        {
          route,
          draft,
          body: length === 0 ? undefined : bodyOf(request, route.bodyLimit),
          clientHost: forwarding.admitted.host,
          retries: this.#options.retries,
          patience,
        },
      );
    } finally {
      answered = true;
      cancel();
      response.off('close', left);
    }
    return passOn(forwarding, answer);
  }

  #answerProblem(exchange: Exchange, error: unknown): number {
    const { request, response, traceId, correlationId } = exchange;
    return answerProblem(request, response, error, {
      traceId,
      clock: this.#clock,
      headers: correlationId === undefined ? {} : { [CORRELATION]: correlationId },
    });
  }
}

function draftOf({ request, admitted, match, address, scheme }: Forwarding): RequestDraft {
  const drop = droppedFromRequest(request.headers.connection);
  const headers = HeaderList.fromRaw(request.rawHeaders, drop);
  if (!match.route.auth.relay) headers.remove('authorization');
  const port = /:(\d+)$/.exec(admitted.host)?.[1] ?? (scheme === 'https' ? '443' : '80');
  headers.add('x-forwarded-for', address);
  headers.add('x-forwarded-proto', scheme);
  headers.add('x-forwarded-host', admitted.host);
  headers.add('x-forwarded-port', port);
  const { method, path, query } = admitted;
  return { method, path, query, headers, variables: match.variables, preserveHost: false };
}

/**
 * The request's body behind a stream of its own: undici destroys a body whose request fails, and
 * destroying the request itself would take the connection on which we want to say so.
 */
function bodyOf(request: IncomingMessage, limit: number): LimitedBody {
  const body = new LimitedBody(limit);
  // Until undici listens, or when it never comes to that.
  body.on('error', () => {});
  request.once('error', (error) => body.destroy(error)).pipe(body);
  return body;
}

function answerDirectly(
  { response, correlationId }: Forwarding,
  { status, headers }: DirectAnswer,
): number {
  response.writeHead(status, {
    ...headers,
    ...(correlationId === undefined ? {} : { [CORRELATION]: correlationId }),
    'content-length': 0,
  });
  response.end();
  return status;
}

async function passOn(
  { response, match, principal, correlationId }: Forwarding,
  { response: upstream, done }: UpstreamAnswer,
): Promise<number> {
  const { route } = match;
  const draft: ResponseDraft = {
    status: upstream.statusCode,
    headers: HeaderList.fromParsed(
      upstream.headers,
      droppedFromResponse(upstream.headers['connection']),
    ),
  };
  for (const filter of route.filters) filter.response?.(draft);
  const { headers } = draft;
  // What was answered for one caller must not be kept for the next.
  if (principal !== undefined && headers.get('cache-control') === undefined) {
    headers.set('cache-control', 'no-store');
  }
  if (correlationId !== undefined) headers.set(CORRELATION, correlationId);
  let outcome: CallOutcome = 'failure';
  try {
    response.writeHead(draft.status, headers.flat());
    await pump(upstream.body, response);
    outcome = 'success';
    return draft.status;
  } catch (error) {
    if (error instanceof AbortedError) outcome = 'aborted';
    if (!response.headersSent) {
      upstream.body.on('error', () => {}).destroy();
      throw new UpstreamFailedError(route.upstream.name, error);
    }
    // Too late for another answer: the connection has ended in the middle of the body.
    throw error instanceof AbortedError ? error : new AbortedError('answer of the upstream', error);
  } finally {
    done(outcome);
  }
}
