import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { VirtualClock } from '@rookery/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { gatewayRequests, type GatewayRequest } from '../gateway.channels.js';
import { gatewaySchema } from '../gateway.options.js';
import {
  GatewayUnderTest,
  UpstreamUnderTest,
  type GatewaySetup,
} from '../testing/gateway-under-test.js';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function upstream(
  handler?: Parameters<typeof UpstreamUnderTest.start>[0],
): Promise<UpstreamUnderTest> {
  const started = await UpstreamUnderTest.start(handler);
  stops.push(() => started.stop());
  return started;
}

async function gateway(setup: GatewaySetup): Promise<GatewayUnderTest> {
  const started = await GatewayUnderTest.start(setup);
  stops.unshift(() => started.stop());
  return started;
}

/** A gateway with one public route of everything to one upstream. */
async function open(
  handler?: Parameters<typeof UpstreamUnderTest.start>[0],
  more: Record<string, unknown> = {},
  route: Record<string, unknown> = {},
): Promise<{ gate: GatewayUnderTest; up: UpstreamUnderTest }> {
  const up = await upstream(handler);
  const gate = await gateway({
    gateway: {
      routes: [
        {
          id: 'all',
          uri: 'lb://things',
          predicates: ['Path=/**'],
          auth: { public: true },
          ...route,
        },
      ],
      ...more,
    },
    services: { things: [up.origin] },
  });
  return { gate, up };
}

const closedPort = async (): Promise<string> => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
};

describe('forwarding', () => {
  it('sends method, path, query, headers and body, and gives the answer back', async () => {
    const { gate, up } = await open((_request, response) => {
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
    const { gate, up } = await open(
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
    stops.push(() => new Promise((resolve) => echo.close(resolve)));
    const origin = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const gate = await gateway({
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
    const { gate } = await open((_request, response, body) => response.end(String(body.length)), {
      bodyLimit: '16mb',
    });
    const response = await fetch(gate.base, { method: 'PUT', body: 'x'.repeat(8_388_608) });
    expect(await response.text()).toBe('8388608');
  });

  it('answers HEAD without body and with the length', async () => {
    const { gate } = await open((_request, response) => {
      response.setHeader('content-length', 11);
      response.end('hello world');
    });
    const response = await fetch(gate.base, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('11');
  });

  it('keeps connections to the upstream', async () => {
    const { gate, up } = await open();
    for (let i = 0; i < 10; i++) await (await fetch(gate.base)).text();
    expect(up.connections).toBe(1);
  });

  it('ends the call upstream when the client leaves', async () => {
    let closed: () => void = () => {};
    const seen = new Promise<void>((resolve) => (closed = resolve));
    let arrived: () => void = () => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const { gate } = await open((request) => {
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
    const { gate } = await open((request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.destroy());
    });
    const response = await fetch(gate.base);
    await expect(response.text()).rejects.toThrow();
    await expect.poll(() => gate.balancer.outcomes).toEqual([[expect.anything(), 'failure']]);
  });

  it('routes live: new routes hold for the next request, those under way end by the old', async () => {
    let answer: () => void = () => {};
    let arrived: () => void = () => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const { gate, up } = await open((request, response) => {
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
    const { gate } = await open();
    await (await fetch(`${gate.base}/x`)).text();
    await expect.poll(() => told.length).toBe(1);
    stop();
    expect(told[0]).toMatchObject({ routeId: 'all', upstream: 'things', status: 200 });
  });
});

describe('headers', () => {
  it('end at this hop when they belong to the connection', async () => {
    const { gate, up } = await open((_request, response) => {
      response.writeHead(200, {
        connection: 'x-secret-hop, close',
        'x-secret-hop': '1',
        'x-powered-by': 'Something/1.0',
        server: 'Something',
        'proxy-authenticate': 'Basic',
      });
      response.end('ok');
    });
    const text = await gate.raw(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n' +
        'Keep-Alive: 5\r\nProxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\n\r\n',
    );
    const sent = up.received[0]!.headers;
    for (const name of ['x-hop', 'te', 'keep-alive', 'proxy-authorization', 'upgrade']) {
      expect(sent, name).not.toHaveProperty(name);
    }
    for (const name of ['x-secret-hop', 'x-powered-by', 'server:', 'proxy-authenticate']) {
      expect(text.toLowerCase(), name).not.toContain(name);
    }
  });

  it('cannot make the gateway drop what frames or authorises the request', async () => {
    const { gate, up } = await open();
    await gate.raw(
      'POST / HTTP/1.1\r\nHost: x\r\nConnection: close, content-length, authorization, x-forwarded-for\r\n' +
        'Authorization: Basic eDp5\r\nContent-Length: 2\r\n\r\nhi',
    );
    expect(up.received[0]).toMatchObject({
      body: 'hi',
      headers: {
        'content-length': '2',
        authorization: 'Basic eDp5',
        'x-forwarded-for': '127.0.0.1',
      },
    });
  });

  it('about the caller are ours: what a client says of itself is replaced', async () => {
    const { gate, up } = await open();
    await gate.raw(
      'GET / HTTP/1.1\r\nHost: shop.test:8080\r\nConnection: close\r\n' +
        'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: https\r\n' +
        'X-Forwarded-Host: evil.test\r\nX-Forwarded-Prefix: /x\r\nForwarded: for=6.6.6.6\r\n' +
        'X-Real-IP: 6.6.6.6\r\nX-User-Id: root\r\nX-Roles: admin\r\nX-Role: admin\r\nX-Tenant: 1\r\n' +
        'X_User_Id: root\r\nX-Internal-Secret: 1\r\nX-Original-URL: /admin\r\n' +
        'X-Rewrite-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\nX-Correlation-Id: forged\r\n' +
        'b3: 1\r\nX-B3-TraceId: 1\r\nVia: 1.1 evil\r\nX-Usual: kept\r\n\r\n',
    );
    const { headers } = up.received[0]!;
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.test:8080',
      'x-forwarded-port': '8080',
      'x-usual': 'kept',
      host: new URL(up.origin).host,
    });
    const left = Object.keys(headers).filter((name) =>
      /user|role|tenant|internal|original|rewrite|override|real|prefix|b3|via|correlation|^forwarded/.test(
        name,
      ),
    );
    expect(left).toEqual([]);
  });

  it('of answers for a caller with a token are not cached unless the service says so', async () => {
    const { gate } = await open(
      (request, response) => {
        if (request.url === '/fixed') response.setHeader('cache-control', 'max-age=60');
        response.end('x');
      },
      {},
      { auth: {} },
    );
    const headers = { authorization: `Bearer ${await gate.issuer.token()}` };
    const cacheOf = async (path: string) =>
      (await fetch(gate.base + path, { headers })).headers.get('cache-control');
    expect(await cacheOf('/')).toBe('no-store');
    expect(await cacheOf('/fixed')).toBe('max-age=60');
  });
});

describe('tokens', () => {
  it('are needed unless the route is public, verified, and relayed', async () => {
    const { gate, up } = await open(undefined, {}, { auth: { scopes: ['things:read'] } });
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
    const { gate, up } = await open(undefined, {}, { auth: { relay: false } });
    const headers = { authorization: `Bearer ${await gate.issuer.token()}` };
    expect((await fetch(gate.base, { headers })).status).toBe(200);
    expect(up.received[0]!.headers).not.toHaveProperty('authorization');
  });

  it('in the query, or twice, are refused', async () => {
    const { gate, up } = await open(undefined, {}, { auth: {} });
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

describe('attacks over raw sockets', () => {
  const request = (lines: string[], body = ''): string => `${lines.join('\r\n')}\r\n\r\n${body}`;
  const cases: Record<string, { send: string; status: number }> = {
    'Content-Length with Transfer-Encoding': {
      send: request(
        ['POST / HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Transfer-Encoding: chunked'],
        '0\r\n\r\n',
      ),
      status: 400,
    },
    'two different Content-Lengths': {
      send: request(['POST / HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2'], 'ab'),
      status: 400,
    },
    'an unknown Transfer-Encoding': {
      send: request(['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: xchunked'], '0\r\n\r\n'),
      status: 400,
    },
    'a space before the colon': {
      send: request(['GET / HTTP/1.1', 'Host: x', 'X-A : 1']),
      status: 400,
    },
    'a folded header': {
      send: request(['GET / HTTP/1.1', 'Host: x', 'X-A: 1', ' 2']),
      status: 400,
    },
    'a bare line feed': { send: 'GET / HTTP/1.1\nHost: x\n\n', status: 400 },
    'a NUL in a header': { send: request(['GET / HTTP/1.1', 'Host: x', 'X-A: a\0b']), status: 400 },
    'two Hosts': {
      send: request(['GET / HTTP/1.1', 'Host: x', 'Host: y', 'Connection: close']),
      status: 400,
    },
    'a Host that is none': {
      send: request(['GET / HTTP/1.1', 'Host: x/../y', 'Connection: close']),
      status: 400,
    },
    'the absolute target of another host': {
      send: request(['GET http://evil.test/ HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 421,
    },
    'a path that climbs': {
      send: request(['GET /a/..%2fmanage HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 400,
    },
    'a path with backslashes': {
      send: request(['GET /a\\..\\manage HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 400,
    },
    'a path with a NUL': {
      send: request(['GET /a%00.png HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 400,
    },
    'the method TRACE': {
      send: request(['TRACE / HTTP/1.1', 'Host: x', 'Connection: close']),
      status: 405,
    },
    'a URL of 9 kB': {
      send: request([`GET /${'x'.repeat(9_000)} HTTP/1.1`, 'Host: x', 'Connection: close']),
      status: 414,
    },
    'headers of 17 kB': {
      send: request(['GET / HTTP/1.1', 'Host: x', `X-A: ${'x'.repeat(17_000)}`]),
      status: 431,
    },
    'a body longer than announced as allowed': {
      send: request([
        'POST / HTTP/1.1',
        'Host: x',
        'Content-Length: 99999999',
        'Connection: close',
      ]),
      status: 413,
    },
    'chunks beyond the limit': {
      send: request(
        ['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked'],
        `${'10000\r\n' + 'x'.repeat(65_536) + '\r\n'}`.repeat(17),
      ),
      status: 413,
    },
  };

  for (const [name, { send, status }] of Object.entries(cases)) {
    it(`answer ${name} with ${status} as a problem, and touch no upstream`, async () => {
      const { gate, up } = await open();
      const answer = await gate.raw(send);
      expect(answer.slice(0, 60)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      const [head, body] = answer.split('\r\n\r\n') as [string, string];
      expect(head).toMatch(/content-type: application\/problem\+json/i);
      expect(head).toMatch(/connection: close/i);
      const problem = JSON.parse(body) as Record<string, unknown>;
      expect(problem).toMatchObject({ status, code: expect.stringMatching(/^RKY_/) as string });
      expect(JSON.stringify(problem)).not.toMatch(/at .*\.ts|node_modules|stack/);
      expect(up.received).toHaveLength(0);
    });
  }

  it('without a Host are refused by the server itself', async () => {
    const { gate, up } = await open();
    expect(await gate.raw('GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await gate.raw('GET / HTTP/1.0\r\n\r\n')).toMatch(/RKY_GW_MALFORMED_REQUEST/);
    expect(up.received).toHaveLength(0);
  });

  it('for hosts that are not served are answered with 421', async () => {
    const { gate } = await open(undefined, { allowedHosts: ['shop.test'] });
    const ask = (host: string) =>
      gate.raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await ask('evil.test')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask('SHOP.test:8080')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('smuggled behind a refused body do not become a request', async () => {
    const { gate, up } = await open(undefined, { bodyLimit: 10 });
    const answer = await gate.raw(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n' +
        'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(60, ' ') +
        'GET /second HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(up.received).toHaveLength(0);
  });

  it('with a slow body do not hold an instance: the client’s own time runs', async () => {
    const { gate, up } = await open();
    const socket: Socket = connect(gate.port, '127.0.0.1', () =>
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf'),
    );
    socket.on('error', () => {});
    await expect.poll(() => up.connections).toBe(1);
    socket.destroy();
    await expect
      .poll(() => gate.balancer.outcomes.map(([, outcome]) => outcome))
      .toEqual(['aborted']);
    expect(up.received).toHaveLength(0);
  });
});

describe('failing upstreams', () => {
  it('without an instance are answered with 503 and when to come again', async () => {
    const gate = await gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://gone', predicates: ['Path=/**'], auth: { public: true } }],
      },
    });
    const response = await fetch(gate.base);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'RKY_DISC_NO_INSTANCE' });
  });

  it('let an idempotent request go to another instance, and no other', async () => {
    const up = await upstream();
    const dead = await closedPort();
    const gate = await gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [dead, up.origin] },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await fetch(gate.base)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
    expect(gate.balancer.outcomes).toContainEqual([dead, 'refused']);
    const posts: number[] = [];
    for (let i = 0; i < 4; i++) {
      const response = await fetch(gate.base, { method: 'POST', body: 'once' });
      posts.push(response.status);
      if (response.status !== 200) {
        expect(await response.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_UNREACHABLE' });
      }
    }
    expect(posts.sort()).toEqual([200, 200, 503, 503]);
  });

  it('answer as the first attempt did when there is no other instance', async () => {
    const gate = await gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [await closedPort()] },
    });
    const response = await fetch(gate.base);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_UNREACHABLE' });
  });

  it('that take too long are given up with 504, by the clock', async () => {
    const clock = new VirtualClock();
    let arrived: () => void = () => {};
    const begun = new Promise<void>((resolve) => (arrived = resolve));
    const up = await upstream(() => arrived());
    const gate = await gateway({
      clock,
      gateway: {
        routes: [
          {
            id: 'x',
            uri: 'lb://things',
            predicates: ['Path=/**'],
            auth: { public: true },
            timeout: '3s',
          },
        ],
      },
      services: { things: [up.origin] },
    });
    const asked = fetch(gate.base);
    await begun;
    await clock.advance(3_000);
    const response = await asked;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      code: 'RKY_GW_UPSTREAM_TIMEOUT',
      detail: 'things did not answer within 3000 ms',
    });
    expect(gate.balancer.outcomes).toEqual([[up.origin, 'failure']]);
    expect(clock.pending).toBe(0);
  });

  it('that break off before they answer, or speak no HTTP, are 502', async () => {
    const rude = createTcpServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n'));
    const cutter = createTcpServer((socket) => socket.once('data', () => socket.destroy()));
    for (const server of [rude, cutter]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      stops.push(() => new Promise((resolve) => server.close(resolve)));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const gate = await gateway({
        gateway: {
          routes: [{ id: 'x', uri: origin, predicates: ['Path=/**'], auth: { public: true } }],
        },
      });
      const response = await fetch(gate.base);
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_FAILED' });
    }
  });

  it('open the breaker of their service, which then answers at once', async () => {
    const up = await upstream((_request, response) => {
      response.statusCode = 503;
      response.end('overloaded');
    });
    const gate = await gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
      breaker: { window: { type: 'count', size: 4 }, minimumCalls: 4, openDuration: '30s' },
    });
    for (let i = 0; i < 4; i++) expect(await (await fetch(gate.base)).text()).toBe('overloaded');
    const refused = await fetch(gate.base);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await refused.json()).toMatchObject({ code: 'RKY_RES_CIRCUIT_OPEN' });
    expect(up.received).toHaveLength(4);
  });

  it('do not open the breaker for what clients do wrong', async () => {
    const up = await upstream((_request, response) => {
      response.statusCode = 422;
      response.end();
    });
    const gate = await gateway({
      gateway: {
        bodyLimit: 10,
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
      breaker: { window: { type: 'count', size: 4 }, minimumCalls: 4 },
    });
    for (let i = 0; i < 8; i++) expect((await fetch(gate.base)).status).toBe(422);
  });

  it('are not waited for by more requests than may', async () => {
    const waiting: (() => void)[] = [];
    const up = await upstream((_request, response) => waiting.push(() => response.end('ok')));
    const gate = await gateway({
      gateway: {
        connections: 1,
        maxWaiting: 1,
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
    });
    const first = [fetch(gate.base), fetch(gate.base)];
    await expect.poll(() => waiting.length).toBe(1);
    const third = await fetch(gate.base);
    expect(third.status).toBe(503);
    expect(await third.json()).toMatchObject({ code: 'RKY_GW_UPSTREAM_BUSY' });
    waiting[0]!();
    await expect.poll(() => waiting.length).toBe(2);
    waiting[1]!();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('survive an instance that closes idle connections just as they are used', async () => {
    const up = await upstream();
    up.server.keepAliveTimeout = 1;
    const gate = await gateway({
      gateway: {
        routes: [{ id: 'x', uri: 'lb://things', predicates: ['Path=/**'], auth: { public: true } }],
      },
      services: { things: [up.origin] },
    });
    for (let i = 0; i < 50; i++) expect((await fetch(gate.base)).status).toBe(200);
  });
});

it('has no route: 404 as a problem', async () => {
  const gate = await gateway({ gateway: {} });
  const response = await fetch(`${gate.base}/x`);
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('x-correlation-id')).toBe('c-1');
  expect(await response.json()).toMatchObject({ code: 'RKY_GW_NO_ROUTE' });
});
