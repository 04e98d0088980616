import { describe, expect, it } from 'vitest';
import { Harness } from '../testing/harness.js';

const harness = new Harness();

describe('headers', () => {
  it('end at this hop when they belong to the connection', async () => {
    const { gate, up } = await harness.open((_request, response) => {
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
    const { gate, up } = await harness.open();
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
    const { gate, up } = await harness.open();
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
    const { gate } = await harness.open(
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
