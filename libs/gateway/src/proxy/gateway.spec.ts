import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { gatewayRequests, type GatewayRequest } from '../gateway.channels.js';
import { gatewaySchema } from '../gateway.options.js';
import { Harness } from '../testing/harness.js';

const harness = new Harness();

describe('forwarding', () => {
  it('sends method, path, query, headers and body, and gives the answer back', async () => {
    const { gate, up } = await harness.open((_request, response) => {
      response.writeHead(201, { 'x-answer': 'yes', 'set-cookie': ['a=1', 'b=2'] });
      response.end('made');
    });
    const response = await fetch(`${gate.base}/things/7?a=1&a=2`, {
      method: 'POST',
      body: '{"x":1}',
      headers: { 'content-type': 'application/json', 'x-mine': 'kept' },
    });
    expect(response.status).toBe(201);
    expect(await response.text()).toBe('made');
    expect(response.headers.get('x-answer')).toBe('yes');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('x-correlation-id')).toBe('c-1');
    expect(up.received).toMatchObject([
      {
        method: 'POST',
        url: '/things/7?a=1&a=2',
        body: '{"x":1}',
        headers: { 'content-type': 'application/json', 'x-mine': 'kept', 'content-length': '7' },
      },
    ]);
    expect(gate.balancer.outcomes).toEqual([[up.origin, 'success']]);
  });

  it('applies the filters of the route, the default ones first', async () => {
    const { gate, up } = await harness.open(
      undefined,
      { defaultFilters: ['AddResponseHeader=X-Via, rookery'] },
      { filters: ['StripPrefix=1', 'AddRequestHeader=X-Team, shop', 'SetStatus=202'] },
    );
    const response = await fetch(`${gate.base}/api/orders/7`);
    expect(response.status).toBe(202);
    expect(response.headers.get('x-via')).toBe('rookery');
    expect(up.received[0]).toMatchObject({ url: '/orders/7', headers: { 'x-team': 'shop' } });
  });

  it('streams both ways: the upstream answers while the client still sends', async () => {
    const echo = createServer((request, response) => request.pipe(response));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    harness.onStop(() => new Promise((resolve) => echo.close(resolve)));
    const origin = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const gate = await harness.gateway({
      gateway: {
        routes: [{ id: 'echo', uri: origin, predicates: ['Path=/**'], auth: { public: true } }],
      },
    });
    const got: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const socket = connect(gate.port, '127.0.0.1', () =>
        socket.write(
          'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n',
        ),
      );
      socket.on('data', (chunk) => {
        got.push(String(chunk));
        if (got.join('').includes('ping') && !got.join('').includes('pong')) {
          socket.write('4\r\npong\r\n0\r\n\r\n');
        }
        if (got.join('').includes('0\r\n\r\n')) {
          socket.destroy();
          resolve();
        }
      });
      socket.on('error', reject);
    });
    expect(got.join('')).toContain('pong');
  });

  it('passes 8 MiB through without changing a byte', async () => {
    const { gate } = await harness.open(
      (_request, response, body) => response.end(String(body.length)),
      {
        bodyLimit: '16mb',
      },
    );
    const response = await fetch(gate.base, { method: 'PUT', body: 'x'.repeat(8_388_608) });
    expect(await response.text()).toBe('8388608');
  });

  it('goes on with a connection whose request was answered before it was read', async () => {
    const { gate } = await harness.open();
    const early = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly'));
    });
    await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve));
    harness.onStop(async () => early.close());
    const origin = `http://127.0.0.1:${(early.address() as AddressInfo).port}`;
    const route = { id: 'early', uri: origin, predicates: ['Path=/early'], auth: { public: true } };
    const { routes } = gate.gateway.options;
    gate.gateway.update(gatewaySchema.parse({ routes: [route, ...routes] }));
    const answer = await gate.raw(
      'POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n',
      'x'.repeat(500_000),
      'GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('early');
    expect(answer).toContain('upstream got GET /next');
  });

  it('answers HEAD without body and with the length', async () => {
    const { gate } = await harness.open((_request, response) => {
      response.setHeader('content-length', 11);
      response.end('hello world');
    });
    const response = await fetch(gate.base, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('11');
  });

  it('keeps connections to the upstream', async () => {
    const { gate, up } = await harness.open();
    for (let i = 0; i < 10; i++) await (await fetch(gate.base)).text();
    expect(up.connections).toBe(1);
  });

  it('ends the call upstream when the client leaves', async () => {
    let closed: () => void = () => {};
    const seen = new Promise<void>((resolve) => (closed = resolve));
    let arrived: () => void = () => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const { gate } = await harness.open((request) => {
      request.socket.once('close', closed);
      arrived();
    });
    const abort = new AbortController();
    const left = fetch(gate.base, { signal: abort.signal }).catch((e: unknown) => e);
    await begun;
    abort.abort();
    await seen;
    await left;
    await expect.poll(() => gate.balancer.outcomes).toEqual([[expect.anything(), 'aborted']]);
  });

  it('breaks the answer off when the upstream does, instead of ending it as if complete', async () => {
    const { gate } = await harness.open((request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.destroy());
    });
    const response = await fetch(gate.base);
    await expect(response.text()).rejects.toThrow('terminated');
    await expect.poll(() => gate.balancer.outcomes).toEqual([[expect.anything(), 'failure']]);
  });

  it('routes live: new routes hold for the next request, those under way end by the old', async () => {
    let answer: () => void = () => {};
    let arrived: () => void = () => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const { gate, up } = await harness.open((request, response) => {
      if (request.url === '/slow') {
        answer = () => response.end('old');
        arrived();
      } else response.end('fast');
    });
    const slow = fetch(`${gate.base}/slow`);
    await begun;
    gate.gateway.update(
      gatewaySchema.parse({
        connections: 4,
        routes: [
          {
            id: 'moved',
            uri: up.origin,
            predicates: ['Path=/new/**'],
            filters: ['StripPrefix=1'],
            auth: { public: true },
          },
        ],
      }),
    );
    expect((await fetch(`${gate.base}/other`)).status).toBe(404);
    expect(await (await fetch(`${gate.base}/new/x`)).text()).toBe('fast');
    answer();
    expect(await (await slow).text()).toBe('old');
  });

  it('tells of each request', async () => {
    const told: GatewayRequest[] = [];
    const stop = gatewayRequests.subscribe((message) => told.push(message));
    const { gate } = await harness.open();
    await (await fetch(`${gate.base}/x`)).text();
    await expect.poll(() => told.length).toBe(1);
    stop();
    expect(told[0]).toMatchObject({ routeId: 'all', upstream: 'things', status: 200 });
  });
});

describe('tokens', () => {
  it('are needed unless the route is public, verified, and relayed', async () => {
    const { gate, up } = await harness.open(undefined, {}, { auth: { scopes: ['things:read'] } });
    const none = await fetch(gate.base);
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="rookery"');
    expect(await none.json()).toMatchObject({
      code: 'RKY_SEC_UNAUTHORIZED',
      traceId: 'abcdef0123456789abcdef0123456789',
    });
    const ask = (token: string) =>
      fetch(gate.base, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask('rubbish')).status).toBe(401);
    expect((await ask(await gate.issuer.token({ expiresIn: -60 }))).status).toBe(401);
    const poor = await ask(await gate.issuer.token({ scopes: ['things:write'] }));
    expect(poor.status).toBe(403);
    expect(poor.headers.get('www-authenticate')).toContain('scope="things:read"');
    expect(up.received).toHaveLength(0);
    const token = await gate.issuer.token({ scopes: ['things:read'] });
    expect((await ask(token)).status).toBe(200);
    expect(up.received[0]!.headers.authorization).toBe(`Bearer ${token}`);
  });

  it('stay here when the route says so', async () => {
    const { gate, up } = await harness.open(undefined, {}, { auth: { relay: false } });
    const headers = { authorization: `Bearer ${await gate.issuer.token()}` };
    expect((await fetch(gate.base, { headers })).status).toBe(200);
    expect(up.received[0]!.headers).not.toHaveProperty('authorization');
  });

  it('in the query, or twice, are refused', async () => {
    const { gate, up } = await harness.open(undefined, {}, { auth: {} });
    const token = await gate.issuer.token();
    expect((await fetch(`${gate.base}/?access_token=${token}`)).status).toBe(400);
    const twice = await gate.raw(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n` +
        'Authorization: Bearer other\r\n\r\n',
    );
    expect(twice).toMatch(/^HTTP\/1\.1 400 /);
    expect(up.received).toHaveLength(0);
  });
});

it('has no route: 404 as a problem', async () => {
  const gate = await harness.gateway({ gateway: {} });
  const response = await fetch(`${gate.base}/x`);
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('x-correlation-id')).toBe('c-1');
  expect(await response.json()).toMatchObject({ code: 'RKY_GW_NO_ROUTE' });
});
