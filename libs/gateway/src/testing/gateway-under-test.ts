import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { RookeryError, systemClock, type Clock } from '@rookery/core';
import {
  circuitBreaker,
  type CircuitBreakerEngine,
  type CircuitBreakerOptions,
} from '@rookery/resilience';
import { createTokenVerifier } from '@rookery/security';
import { TokenMaker } from '@rookery/security/testing';
import { gatewaySchema } from '../gateway.options.js';
import { Gateway } from '../proxy/gateway.js';
import { answerClientErrors } from '../request/client-error.js';
import type { CallOutcome, UpstreamBalancer } from '../upstream/balancer.js';

/** What an upstream received. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A real HTTP server that remembers what it received. */
export class UpstreamUnderTest {
  readonly received: Received[] = [];
  connections = 0;

  private constructor(readonly server: Server) {}

  static async start(handler?: Handler): Promise<UpstreamUnderTest> {
    const server = createServer();
    const upstream = new UpstreamUnderTest(server);
    server.on('connection', () => upstream.connections++);
    server.on('request', (request, response) => {
      let body = '';
      request.on('error', () => {});
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        const { method = '', url = '', headers, rawHeaders } = request;
        upstream.received.push({ method, url, headers, rawHeaders, body });
        if (handler === undefined) response.end(`upstream got ${method} ${url}`);
        else handler(request, response, body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Balances over fixed origins in turn, and remembers how calls went. */
export class FixedBalancer implements UpstreamBalancer {
  readonly outcomes: [origin: string, outcome: CallOutcome][] = [];
  #next = 0;

  constructor(readonly services: Record<string, string[]>) {}

  choose(service: string, exclude: ReadonlySet<string>) {
    const origins = (this.services[service] ?? []).filter((origin) => !exclude.has(origin));
    if (origins.length === 0) throw new NoInstance(service);
    const origin = origins[this.#next++ % origins.length]!;
    return {
      instanceId: origin,
      origin,
      release: (outcome: CallOutcome) => void this.outcomes.push([origin, outcome]),
    };
  }
}

class NoInstance extends RookeryError {
  override readonly code = 'RKY_DISC_NO_INSTANCE';
  override readonly status = 503;
  override readonly title = 'No instance';
  readonly headers = { 'retry-after': '1' };

  constructor(service: string) {
    super(`no instance of ${service}`);
  }
}

/** What {@link GatewayUnderTest.start} takes. */
export interface GatewaySetup {
  readonly gateway: Record<string, unknown>;
  readonly services?: Record<string, string[]>;
  readonly breaker?: CircuitBreakerOptions;
  readonly clock?: Clock;
}

/** The engine behind a plain server of Node, on a free port, with an issuer of tokens. */
export class GatewayUnderTest {
  private constructor(
    readonly gateway: Gateway,
    readonly server: Server,
    readonly issuer: TokenMaker,
    readonly balancer: FixedBalancer,
  ) {}

  static async start(setup: GatewaySetup): Promise<GatewayUnderTest> {
    const issuer = await TokenMaker.start();
    const { issuer: name, audience } = issuer;
    const verifier = createTokenVerifier({ issuer: name, audience });
    const balancer = new FixedBalancer(setup.services ?? {});
    const breakers = new Map<string, CircuitBreakerEngine>();
    const gateway = new Gateway({
      app: 'gateway',
      options: gatewaySchema.parse(setup.gateway),
      verify: (token) => verifier.verify(token),
      balancer,
      breaker: (upstream) => {
        const known = breakers.get(upstream) ?? circuitBreaker(setup.breaker, { name: upstream });
        breakers.set(upstream, known);
        return known;
      },
      instrumentation: undefined,
      clock: setup.clock ?? systemClock,
    });
    const server = createServer({ requestTimeout: 0 }, (request, response) => {
      void gateway.handle({
        request,
        response,
        address: request.socket.remoteAddress ?? '',
        scheme: 'http',
        correlationId: 'c-1',
        traceId: 'abcdef0123456789abcdef0123456789',
      });
    });
    answerClientErrors(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new GatewayUnderTest(gateway, server, issuer, balancer);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get base(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Sends bytes as they are, and returns all that came back until the connection ended. */
  raw(...pieces: (string | Buffer)[]): Promise<string> {
    return rawExchange(this.port, pieces);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.gateway.close();
    await this.issuer.stop();
  }
}

/** Writes pieces to a port and collects what comes back until the other side ends. */
export function rawExchange(port: number, pieces: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket: Socket = connect(port, '127.0.0.1', () => {
      for (const piece of pieces) socket.write(piece, 'latin1');
    });
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('end', () => {
      socket.destroy();
      resolve(text);
    });
    socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)));
    socket.setTimeout(8_000, () => {
      socket.destroy();
      resolve(text);
    });
  });
}
