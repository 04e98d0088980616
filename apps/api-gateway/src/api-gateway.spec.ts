import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, type RunningApp } from '@rookery/platform';
import { TokenMaker } from '@rookery/security/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiGatewayModule } from './api-gateway.module.js';

const SHIPPED = new URL('../../../config/api-gateway.yml', import.meta.url);

let directory: string;
let maker: TokenMaker;
let orders: Server;
let app: RunningApp;
let base: string;
const received: IncomingMessage[] = [];

/** The shipped routes, with instances listed by hand instead of a registry. */
async function writeConfig(more = ''): Promise<void> {
  const { port } = orders.address() as AddressInfo;
  const instances = `discovery:\n  instances:\n    orders: ['http://127.0.0.1:${port}']\n`;
  const routes = await readFile(SHIPPED, 'utf8');
  await writeFile(join(directory, 'api-gateway.yml'), routes + more + instances);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-spec-'));
  maker = await TokenMaker.start();
  orders = createServer((request, response) => {
    received.push(request);
    request.resume();
    response.end(`orders answer ${request.method} ${request.url}`);
  });
  await new Promise<void>((resolve) => orders.listen(0, '127.0.0.1', resolve));
  await writeConfig();
  app = await createApp(ApiGatewayModule, {
    configDirectory: directory,
    environment: {
      ROOKERY_PROFILE: 'test',
      PORT: '0',
      SERVER_DRAIN_DELAY: '0',
      LOG_LEVEL: 'fatal',
      AUTH_ISSUER: maker.issuer,
    },
  });
  base = await app.listen();
});
afterAll(async () => {
  await app.stop();
  orders.closeAllConnections();
  orders.close();
  await maker.stop();
  await rm(directory, { recursive: true });
});

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = `Bearer ${await maker.token({ scopes: ['orders:read'] })}`;
  return fetch(base + path, { headers: { authorization, ...headers } });
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(base).port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.on('end', () => {
      socket.destroy();
      resolve(answer);
    });
    socket.on('error', reject);
  });
}

describe('api gateway', () => {
  it('takes requests to the service that the registry lists, in one trace', async () => {
    const response = await get('/orders/7?x=1', {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-correlation-id': 'my-order',
    });
    expect(await response.text()).toBe('orders answer GET /orders/7?x=1');
    expect(response.headers.get('x-correlation-id')).toBe('my-order');
    const { headers } = received.at(-1)!;
    expect(headers['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad)/);
    expect(headers['x-correlation-id']).toBe('my-order');
    expect(headers['x-forwarded-host']).toBe(new URL(base).host);
  });

  it('needs a token for every route, and says so as a problem with the trace id', async () => {
    for (const path of ['/orders', '/inventory/stock/a', '/payments/1', '/shipping/1']) {
      const response = await fetch(base + path);
      expect(response.status, path).toBe(401);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const problem = (await response.json()) as { traceId: string };
      expect(problem.traceId).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  it('answers 503 and when to come again for a service without instances', async () => {
    const response = await get('/shipping/shipments/1');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toMatchObject({ status: 503 });
  });

  it('answers what it has no route for with 404, also below its own management', async () => {
    expect((await get('/nowhere')).status).toBe(404);
    expect((await get('/manage/nowhere')).status).toBe(404);
    expect((await fetch(`${base}/manage/health/live`)).status).toBe(200);
  });

  it('streams a body through, whatever its type', async () => {
    const response = await fetch(`${base}/orders`, {
      method: 'POST',
      body: 'x'.repeat(500_000),
      headers: {
        authorization: `Bearer ${await maker.token()}`,
        'content-type': 'application/x-something',
      },
    });
    expect(await response.text()).toBe('orders answer POST /orders');
  });

  it('cannot be talked past its routes', async () => {
    const token = await maker.token();
    const before = received.length;
    for (const path of [
      '/orders/..%2fmanage/x',
      '/orders/%2e%2e/x',
      '/orders/..;/x',
      '/orders\\..\\x',
      '/orders/%00',
      '//orders/x',
    ]) {
      const answer = await raw(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer.slice(0, 12), path).toBe('HTTP/1.1 400');
      expect(answer, path).toContain('application/problem+json');
    }
    // Fastify refuses this one before any route, and in its own words.
    const broken = `GET /orders/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(await raw(broken)).toMatch(/^HTTP\/1\.1 400 /);
    expect(received).toHaveLength(before);
  });

  it('answers the parser’s refusals as problems too', async () => {
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'x'.repeat(17_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 [\s\S]*RKY_GW_HEADERS_TOO_LARGE/,
    );
    expect(await raw('GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*RKY_GW_MALFORMED_REQUEST/,
    );
  });

  it('counts under the names of the routes', async () => {
    await get('/orders/1');
    const metrics = await (await fetch(`${base}/manage/prometheus`)).text();
    expect(metrics).toMatch(
      /spring_cloud_gateway_requests_seconds_count\{[^}]*routeId="orders"[^}]*httpStatusCode="200"/,
    );
    expect(metrics).toMatch(/http_server_requests_seconds_count\{[^}]*uri="orders"/);
    expect(metrics).not.toContain('/orders/7');
  });

  it('shows its routes to operators only', async () => {
    expect((await get('/manage/gateway/routes')).status).toBe(403);
    const authorization = `Bearer ${await maker.token({ scopes: ['ops:read'] })}`;
    const response = await fetch(`${base}/manage/gateway/routes`, { headers: { authorization } });
    const ids = ((await response.json()) as { id: string }[]).map(({ id }) => id);
    expect(ids).toEqual(['orders', 'inventory', 'payments', 'shipping']);
  });

  it('takes a changed route over live, and keeps the old ones when the new are wrong', async () => {
    const added =
      "    - { id: bills, uri: 'lb://orders', predicates: ['Path=/bills/**'], filters: ['StripPrefix=1'] }\n";
    expect((await get('/bills/1')).status).toBe(404);
    await writeConfig(added);
    await app.config.refresh();
    expect(await (await get('/bills/1')).text()).toBe('orders answer GET /1');
    await writeConfig(added.replace('StripPrefix=1', 'StripPrefix=many'));
    await expect(app.config.refresh()).rejects.toThrow(/StripPrefix|whole number/);
    expect((await get('/bills/1')).status).toBe(200);
  });
});
