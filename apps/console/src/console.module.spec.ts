import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp, type RunningApp } from '@rookery/platform';
import { TokenMaker } from '@rookery/security/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleModule } from './console.module.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const saga = {
  id: 'saga-1',
  saga: 'place-order',
  version: 1,
  key: 'order-1',
  state: 'running',
  steps: [{ name: 'reserve', status: 'running', attempts: 1 }],
  startedAt: 1_000,
  updatedAt: 2_000,
  traceId,
};

let auth: TokenMaker;
let orders: Server;
let app: RunningApp;
let url: string;
/** What the orders service says; specs change it. */
const service = { health: 'UP', saga: { ...saga }, authorizations: new Set<string>() };

function answer({ url: path = '', headers }: IncomingMessage): [number, unknown] {
  switch (path.split('?', 1)[0]) {
    case '/manage/health':
      return [service.health === 'UP' ? 200 : 503, { status: service.health, components: {} }];
    case '/manage/info':
      return [200, { version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' }];
    case '/manage/sagas':
      service.authorizations.add(headers.authorization ?? 'none');
      return [
        200,
        { sagas: [service.saga], counts: [{ saga: 'place-order', state: 'running', count: 1 }] },
      ];
    case '/manage/sagas/saga-1':
      return [
        200,
        {
          ...service.saga,
          data: { orderId: 'order-1' },
          timeline: [{ at: 1_000, what: 'started' }],
        },
      ];
    case `/manage/traces/${traceId}`:
    case '/manage/traces': {
      const span = {
        traceId,
        id: 'a',
        name: 'post /orders',
        timestamp: 1_000,
        duration: 9_000,
        localEndpoint: { serviceName: 'orders' },
      };
      return [200, path.includes(traceId) ? [span] : [[span]]];
    }
    default:
      return [404, {}];
  }
}

beforeAll(async () => {
  auth = await TokenMaker.start();
  orders = createServer((incoming, response) => {
    const [status, body] = answer(incoming);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => orders.listen(0, '127.0.0.1', resolve));
  const { port } = orders.address() as AddressInfo;
  app = await createApp(ConsoleModule, {
    environment: {
      ROOKERY_PROFILE: 'development',
      LOG_LEVEL: 'fatal',
      AUTH_ISSUER: auth.issuer,
      AUTH_CLIENT_ID: 'console',
      AUTH_CLIENT_SECRET: 'secret',
      DISCOVERY_INSTANCES: JSON.stringify({ orders: [`http://127.0.0.1:${port}`] }),
      CONSOLE_POLL_INTERVAL: '30ms',
    },
    configDirectory: '/nowhere',
  });
  url = await app.listen();
});
afterAll(async () => {
  await app?.stop();
  orders?.closeAllConnections();
  await new Promise((resolve) => orders.close(resolve));
  await auth?.stop();
});

/** A request with headers that fetch does not let one set. */
function raw(path: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

interface Event {
  readonly id: string;
  readonly event: string;
  readonly changes: readonly [string, unknown][];
}

async function listen(lastEventId?: string) {
  const abort = new AbortController();
  const response = await fetch(`${url}/api/stream`, {
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    signal: abort.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  const next = async (): Promise<Event> => {
    while (!buffer.includes('\n\n')) buffer += (await reader.read()).value ?? '';
    const [block = '', ...rest] = buffer.split('\n\n');
    buffer = rest.join('\n\n');
    const field = (name: string): string =>
      new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
    return {
      id: field('id'),
      event: field('event'),
      changes: JSON.parse(field('data')) as [string, unknown][],
    };
  };
  const values = new Map<string, unknown>();
  /** Applies events until all of it satisfies a condition; gives the last one. */
  const until = async (
    accept: (of: <T>(key: string) => T | undefined) => boolean,
  ): Promise<Event> => {
    for (;;) {
      const event = await next();
      for (const [key, value] of event.changes) values.set(key, value);
      if (accept((key) => values.get(key) as never)) return event;
    }
  };
  return { response, next, until, close: () => abort.abort() };
}

describe('the stream', () => {
  it('tells how services and sagas are, and goes on where a page was cut off', async () => {
    const first = await listen();
    expect((await first.next()).event).toBe('snapshot');
    const seen = await first.until(
      (of) =>
        of<{ status: string }>('service:orders')?.status === 'UP' &&
        of<{ state: string }>('saga:saga-1')?.state === 'running',
    );
    first.close();

    service.health = 'DOWN';
    service.saga = { ...saga, state: 'completed' };
    const second = await listen(seen.id);
    const missed = await second.until(
      (of) =>
        of<{ status: string }>('service:orders')?.status === 'DOWN' &&
        of<{ state: string }>('saga:saga-1')?.state === 'completed',
    );
    expect(missed.event).toBe('changes');
    second.close();

    const third = await listen('1.1');
    const all = await third.next();
    expect(all.event).toBe('snapshot');
    expect(all.changes.map(([key]) => key)).toContain('service:orders');
    third.close();
    service.health = 'UP';
    service.saga = saga;
  });

  it('asks for sagas with a token of the right scope', async () => {
    const stream = await listen();
    await stream.until((of) => (of<unknown[]>('counts')?.length ?? 0) > 0);
    stream.close();
    const [authorization = ''] = service.authorizations;
    expect(authorization).toMatch(/^Bearer /);
    const [, payload = ''] = authorization.split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      client_id: 'console',
      scope: 'ops:read',
    });
  });
});

describe('the page', () => {
  it('is built when it is asked for, and allows nothing but itself', async () => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(response.headers.get('x-frame-options')).toBe('DENY');
    const html = await response.text();
    const files = [...html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, name]) => name);
    expect(files).toHaveLength(3);
    for (const name of files) {
      const asset = await fetch(`${url}/${name}`);
      expect(asset.status).toBe(200);
      expect(asset.headers.get('cache-control')).toContain('immutable');
      expect(asset.headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect(html).not.toMatch(/<script(?![^>]*src=)|style=|onclick/);
  });

  it.each(['/assets/..%2f..%2fpackage.json', '/assets/nothing.js', '/assets/', '/nothing'])(
    'has no %s',
    async (path) => {
      expect(await raw(path, { host: 'localhost' })).toBe(404);
    },
  );

  it('shows a saga and a trace', async () => {
    const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
    expect(await get('/api/sagas/orders/saga-1')).toMatchObject({
      id: 'saga-1',
      service: 'orders',
      timeline: [{ what: 'started' }],
    });
    expect(await get(`/api/traces/${traceId}`)).toMatchObject({
      name: 'orders: post /orders',
      rows: [{ id: 'a', depth: 0, durationMs: 9 }],
    });
    expect(await get('/api/traces')).toMatchObject([{ traceId, spans: 1 }]);
  });

  it.each([
    '/api/sagas/orders/none',
    '/api/sagas/payments/saga-1',
    '/api/traces/xyz',
    `/api/traces/${'0'.repeat(32)}`,
  ])('knows that there is no %s', async (path) => {
    const response = await fetch(`${url}${path}`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('a page of somebody else', () => {
  it.each([
    [{ host: 'evil.example' }, 403],
    [{ host: 'localhost.evil.example:9090' }, 403],
    [{ host: '127.0.0.1.nip.io' }, 403],
    [{ host: 'localhost', origin: 'http://evil.example' }, 403],
    [{ host: 'localhost', origin: 'null' }, 403],
    [{ host: 'localhost:9090', origin: 'http://localhost:8080' }, 403],
    [{ host: 'localhost', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }, 403],
    [{ host: 'localhost', 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ host: 'localhost', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
    [{ host: 'localhost:9090', origin: 'http://localhost:9090' }, 200],
    [{ host: '127.0.0.1:1' }, 200],
    [{ host: '[::1]:9090' }, 200],
    [{ host: 'LOCALHOST' }, 200],
  ])('with %j gets %d', async (headers, status) => {
    expect(await raw('/', headers)).toBe(status);
    expect(await raw('/api/traces', headers)).toBe(status);
  });

  it('may not ask for health either way round, but probes may', async () => {
    expect(await raw('/manage/health/live', { host: 'console.internal' })).toBe(200);
  });
});
