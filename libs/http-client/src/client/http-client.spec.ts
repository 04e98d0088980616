import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AbortedError, Deadline, runInContext, systemClock, TimeoutError } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { Metrics, Tracing } from '@rookery/observability';
import { CircuitBreaker, Fallback, Retry } from '@rookery/resilience';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConnectionPools } from '../exchange/connection-pools.js';
import { Exchanger, type InstanceChooser } from '../exchange/exchanger.js';
import {
  ClientDeclarationError,
  ConnectionError,
  RemoteError,
  UnexpectedResponseError,
} from '../http-client.errors.js';
import { httpClientSchema } from '../http-client.options.js';
import { exchange, TRANSPORT } from './exchange.js';
import { HttpClient } from './http-client.decorator.js';
import { Body, Get, Header, Path, Post, Query, Returns } from './operation.decorator.js';

interface Stock {
  sku: string;
  available: number;
}

@HttpClient('inventory', { auth: 'relay' })
class StockClient {
  @Get('/stock/:sku')
  one(@Path('sku') _sku: string, @Query('size') _sizes?: string[]): Promise<Stock> {
    return exchange();
  }

  @Post('/stock')
  add(@Body() _stock: Stock, @Header('x-reason') _reason?: string): Promise<void> {
    return exchange();
  }

  @Get('/stock/:sku')
  @Returns(z.object({ sku: z.string(), available: z.number() }))
  checked(@Path('sku') _sku: string): Promise<Stock> {
    return exchange();
  }

  @Get('/flaky')
  @Retry({ attempts: 3, backoff: { initial: 1, jitter: 0 } })
  flaky(): Promise<{ attempt: number }> {
    return exchange();
  }

  @Fallback('sold', { on: [RemoteError] })
  @CircuitBreaker('stock')
  @Get('/missing/:sku')
  missing(@Path('sku') _sku: string): Promise<Stock> {
    return exchange();
  }

  protected sold(sku: string, error: RemoteError): Stock {
    return { sku: `${sku}:${error.status}`, available: 0 };
  }

  @Get('/stock/:sku')
  async doubled(@Path('sku') _sku: string): Promise<number> {
    return 2 * (await exchange<Stock>()).available;
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const servers: Server[] = [];

function serve(handler: Handler): Promise<number> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => handler(request, response, body));
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Chooses in turn and remembers how each lease ended. */
class Chooser implements InstanceChooser {
  readonly ended: string[] = [];
  #next = 0;

  constructor(private readonly ports: readonly number[]) {}

  choose(_serviceId: string, { exclude }: { exclude?: ReadonlySet<string> } = {}) {
    const open = this.ports.filter((port) => !exclude?.has(String(port)));
    const port = open[this.#next++ % open.length] ?? 0;
    let released = false;
    return {
      instance: { instanceId: String(port), host: '127.0.0.1', port, secure: false },
      release: (outcome: string) => {
        if (!released) this.ended.push(`${port === 1 ? 'dead' : 'alive'} ${outcome}`);
        released = true;
      },
    };
  }
}

let pools: ConnectionPools;
let metrics: Metrics;
let tracing: Tracing;

beforeEach(() => {
  pools = new ConnectionPools(httpClientSchema.parse({ maxResponseSize: 1_000 }));
  metrics = new Metrics({ app: 'orders', instance: 'orders-1', runtime: false });
  tracing = new Tracing({ app: 'orders', instance: 'orders-1', sampling: 1, ringSize: 10 });
});

afterEach(async () => {
  await pools.close();
  await tracing.close();
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

function clientOf(
  ports: readonly number[],
  clock = systemClock,
): { client: StockClient; chooser: Chooser } {
  const chooser = new Chooser(ports);
  const client = new StockClient();
  (client as unknown as Record<symbol, unknown>)[TRANSPORT] = new Exchanger({
    instances: chooser,
    pools,
    metrics,
    tracing,
    clock,
    config: httpClientSchema.parse({ maxResponseSize: 1_000, timeout: '5s' }),
    tokens: (auth) => Promise.resolve(auth === 'relay' ? 'the-token' : undefined),
  });
  return { client, chooser };
}

describe('a declarative client', () => {
  it('fills path, query, headers and body, and reads JSON', async () => {
    const seen: string[] = [];
    const port = await serve((request, response, body) => {
      seen.push(`${request.method} ${request.url} ${request.headers['x-reason']} ${body}`);
      if (request.method === 'POST') response.writeHead(204).end();
      else json(response, 200, { sku: 'green tea', available: 7 });
    });
    const { client, chooser } = clientOf([port]);
    expect(await client.one('green/tea', ['s', 'm&l'])).toEqual({ sku: 'green tea', available: 7 });
    expect(await client.add({ sku: 'tea', available: 1 }, 'restock')).toBeUndefined();
    expect(await client.doubled('tea')).toBe(14);
    expect(seen).toEqual([
      'GET /stock/green%2Ftea?size=s&size=m%26l undefined ',
      'POST /stock restock {"sku":"tea","available":1}',
      'GET /stock/tea undefined ',
    ]);
    expect(chooser.ended).toEqual(['alive success', 'alive success', 'alive success']);
  });

  it('carries trace, correlation id, deadline and token on', async () => {
    let headers: IncomingMessage['headers'] = {};
    const port = await serve((request, response) => {
      headers = request.headers;
      json(response, 200, {});
    });
    const { client } = clientOf([port]);
    const deadline = Deadline.in(4_000, systemClock);
    const traceId = await runInContext({ app: 'orders', correlationId: 'abc', deadline }, () =>
      tracing.run('parent', {}, async () => {
        await client.one('tea');
        return tracing.currentTraceId();
      }),
    );
    expect(headers).toMatchObject({ 'x-correlation-id': 'abc', authorization: 'Bearer the-token' });
    expect(headers['traceparent']).toContain(traceId);
    expect(headers['b3']).toContain(traceId);
    expect(Number(headers['x-request-timeout-ms'])).toBeLessThanOrEqual(4_000);
    expect(await metrics.expose()).toMatch(
      /http_client_requests_seconds_count\{[^}]*uri="\/stock\/:sku"[^}]*\} 1/,
    );
  });

  it('turns a refusal into a RemoteError that does not become our own answer', async () => {
    const port = await serve((_request, response) =>
      json(response, 404, { type: 'x', title: 'x', status: 404, detail: 'x', code: 'NO_SUCH_SKU' }),
    );
    const { client } = clientOf([port]);
    const error = await client.one('tea').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ status: 404, answerStatus: 502, retryable: false });
    expect((error as RemoteError).problem?.code).toBe('NO_SUCH_SKU');
  });

  it.each(['', '.', '..'])('refuses %j as a path segment', async (sku) => {
    const { client } = clientOf([1]);
    await expect(client.one(sku)).rejects.toBeInstanceOf(ClientDeclarationError);
  });

  it.each([
    ['an answer that does not fit', 200, '{"sku":1}', 'application/json'],
    ['broken JSON', 200, '{"sku":', 'application/json'],
    ['too much', 200, JSON.stringify('x'.repeat(2_000)), 'application/json'],
    ['a redirect', 302, '', 'text/plain'],
  ])('does not accept %s', async (_what, status, body, type) => {
    const port = await serve((_request, response) =>
      response.writeHead(status, { 'content-type': type, location: '/elsewhere' }).end(body),
    );
    const { client } = clientOf([port]);
    await expect(client.checked('tea')).rejects.toBeInstanceOf(UnexpectedResponseError);
  });

  it('is resilient by the decorators on its methods, in any order', async () => {
    let attempt = 0;
    const port = await serve((request, response) => {
      if (request.url?.startsWith('/missing')) return json(response, 404, {});
      attempt++;
      json(response, attempt < 3 ? 503 : 200, { attempt });
    });
    const { client } = clientOf([port]);
    expect(await client.flaky()).toEqual({ attempt: 3 });
    expect(await client.missing('tea')).toEqual({ sku: 'tea:404', available: 0 });
  });
});

describe('an instance that is gone', () => {
  it('is left for another one, since the request never reached it', async () => {
    const port = await serve((_request, response) => json(response, 200, { sku: 'tea' }));
    const { client, chooser } = clientOf([1, port]);
    expect(await client.one('tea')).toEqual({ sku: 'tea' });
    expect(chooser.ended).toEqual(['dead unreachable', 'alive success']);
  });

  it('is not left when it broke off in the middle: the request may have had its effect', async () => {
    let requests = 0;
    const port = await serve((request) => {
      requests++;
      request.socket.destroy();
    });
    const { client, chooser } = clientOf([port, port]);
    await expect(client.add({ sku: 'tea', available: 1 })).rejects.toMatchObject({
      code: 'RKY_HTTP_CLIENT_CONNECTION',
      unsent: false,
    });
    expect({ requests, ended: chooser.ended }).toEqual({ requests: 1, ended: ['alive failure'] });
  });

  it('is reported when there is no other', async () => {
    const { client } = clientOf([1]);
    await expect(client.one('tea')).rejects.toBeInstanceOf(ConnectionError);
  });
});

describe('a caller', () => {
  it('is not kept waiting longer than the limit', async () => {
    const clock = new VirtualClock();
    let arrived: () => void = () => {};
    const arrival = new Promise<void>((resolve) => (arrived = resolve));
    const port = await serve(() => arrived());
    const { client } = clientOf([port], clock);
    const answer = client.one('tea').catch((error: unknown) => error);
    await arrival;
    await clock.advance(5_000);
    expect(await answer).toBeInstanceOf(TimeoutError);
    expect(clock.pending).toBe(0);
  });

  it('ends the exchange by giving up', async () => {
    const controller = new AbortController();
    const port = await serve(() => controller.abort(new AbortedError('request')));
    const { client } = clientOf([port]);
    const context = { app: 'orders', correlationId: 'a', signal: controller.signal };
    await expect(runInContext(context, () => client.one('tea'))).rejects.toBeInstanceOf(
      AbortedError,
    );
  });

  it('sends nothing after its deadline', async () => {
    const clock = new VirtualClock();
    const deadline = Deadline.in(100, clock);
    await clock.advance(100);
    const { client, chooser } = clientOf([1]);
    const context = { app: 'orders', correlationId: 'a', deadline };
    await expect(runInContext(context, () => client.one('tea'))).rejects.toBeInstanceOf(
      TimeoutError,
    );
    expect(chooser.ended).toEqual([]);
  });
});

describe('a wrong declaration', () => {
  it('is refused with the option, its value and what is allowed', () => {
    expect(() => {
      @HttpClient('Inventory', { auth: 'basic' as never })
      class Wrong {}
      return Wrong;
    }).toThrow(/@HttpClient on Wrong: auth: "basic" is not allowed.*serviceId: 'Inventory'/);
  });

  it('is found when exchange() is called elsewhere or without Nest', async () => {
    await expect(exchange()).rejects.toThrow(/outside of a method with @Get/);
    await expect(new StockClient().one('tea')).rejects.toThrow(/was not made by Nest/);
  });
});
