import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { currentContext } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../logging/create-logger.js';
import { fastifyLogging } from '../logging/fastify-logging.js';
import { Metrics } from '../metrics/metrics.js';
import { metricSamples } from '../testing/metric-samples.js';
import { LogCapture } from '../testing/log-capture.js';
import { currentTraceId, Tracing } from '../tracing/tracing.js';
import { instrumentFastify, isProbe, nameRoute, noteError } from './instrument-fastify.js';

let fastify: FastifyInstance;
let out: LogCapture;
let metrics: Metrics;
let tracing: Tracing;
let url: string;
let signals: (AbortSignal | undefined)[];
/** What each request saw of itself, at several points of its life. */
let seen: Record<string, (string | undefined)[]>;
let clock: VirtualClock;
/** Waits until as many handlers run as the test expects to run at once. */
let together: () => Promise<void>;

function barrier(count: number): () => Promise<void> {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  let missing = count;
  return () => {
    missing--;
    if (missing <= 0) open();
    return opened;
  };
}

function look(request: { headers: Record<string, unknown> }): void {
  const key = String(request.headers['x-key']);
  (seen[key] ??= []).push(currentContext()?.correlationId, currentTraceId());
}

beforeEach(async () => {
  out = new LogCapture();
  const logger = createLogger({
    app: 'orders',
    instance: 'orders-1',
    level: 'debug',
    destination: out,
  });
  metrics = new Metrics({ app: 'orders', instance: 'orders-1', runtime: false });
  tracing = new Tracing({ app: 'orders', instance: 'orders-1', ringSize: 2_000 });
  signals = [];
  seen = {};
  clock = new VirtualClock();
  together = barrier(1);
  fastify = Fastify(fastifyLogging(logger));
  instrumentFastify(fastify, { tracing, metrics, logger, app: 'orders', clock });
  fastify.addHook('onRequest', async (request) => look(request));
  fastify.addHook('preHandler', async (request) => look(request));
  fastify.post('/orders/:id', async (request) => {
    look(request);
    await together();
    look(request);
    logger.info({ context: 'Handler' }, `handling ${String(request.headers['x-key'])}`);
    return { correlationId: currentContext()?.correlationId };
  });
  fastify.get('/fail', async () => {
    throw new TypeError('broken');
  });
  fastify.get('/refuse', async (request, reply) => {
    noteError(request, new RangeError('too far'));
    return reply.code(422).send({});
  });
  fastify.get('/deadline', async () => {
    const { deadline, signal } = currentContext()!;
    signals.push(signal);
    return { remainingMs: deadline?.remainingMs };
  });
  fastify.get('/slow', async () => {
    const { signal } = currentContext()!;
    signals.push(signal);
    await once(signal!, 'abort');
    return {};
  });
  fastify.get('/proxy/*', async (request) => {
    nameRoute(request, 'route:orders');
    return {};
  });
  fastify.get('/manage/health/live', async () => ({}));
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(fastify.server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await fastify.close();
  metrics.close();
});

const spans = () => tracing.ring!.traces(1_000).flat();
const served = async (
  method: string,
  uri: string,
  status: string,
  outcome: string,
  exception = 'none',
) =>
  (await metricSamples(metrics)).get(
    `http_server_requests_seconds_count{exception="${exception}",method="${method}",outcome="${outcome}",status="${status}",uri="${uri}"}`,
  );
const requestLines = () => out.lines.filter((line) => 'http' in line);

/** Posts a body in two pieces, the second after the request has reached the server's hooks. */
async function postSlowly(path: string, headers: Record<string, string>): Promise<string> {
  const post = httpRequest(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
  });
  post.write('{"a":');
  await expect.poll(() => seen[headers['x-key']!], { interval: 5, timeout: 5_000 }).toBeDefined();
  post.end('1}');
  const [response] = (await once(post, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return body;
}

describe('the context of a request', () => {
  it('is its own from first hook to last line, bodies that arrive late included', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
    together = barrier(keys.length);
    await Promise.all(
      keys.map(async (key) => {
        const body = await postSlowly(`/orders/${key}`, {
          'x-key': key,
          'x-correlation-id': `c-${key}`,
        });
        expect(JSON.parse(body)).toEqual({ correlationId: `c-${key}` });
      }),
    );
    for (const key of keys) {
      const [correlationId, traceId, ...rest] = seen[key]!;
      expect(correlationId).toBe(`c-${key}`);
      expect(traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(rest).toEqual([0, 1, 2].flatMap(() => [correlationId, traceId]));
      expect(out.saying(`handling ${key}`)[0]).toMatchObject({ correlationId, traceId });
    }
    expect(new Set(Object.values(seen).map(([, traceId]) => traceId)).size).toBe(60);
  });

  it('is one per request of a kept connection', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const get = (id: string) =>
      `GET /deadline HTTP/1.1\r\nhost: x\r\nx-correlation-id: ${id}\r\n\r\n`;
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.write(get('one') + get('two') + get('three'));
    await expect.poll(() => text.match(/HTTP\/1\.1 200/g)?.length).toBe(3);
    socket.destroy();
    expect([...text.matchAll(/x-correlation-id: (\w+)/g)].map((match) => match[1])).toEqual([
      'one',
      'two',
      'three',
    ]);
  });

  it.each([['x'.repeat(65)], ['has space'], ['<script>'], ['a"b'], ['../../etc']])(
    'does not take over the correlation id %.10s',
    async (id) => {
      const response = await fetch(`${url}/deadline`, { headers: { 'x-correlation-id': id } });
      const echoed = response.headers.get('x-correlation-id');
      expect(echoed).toMatch(/^[0-9a-f]{32}$/);
      expect(spans()[0]?.traceId).toBe(echoed);
      expect(out.text).not.toContain(id);
    },
  );

  it('knows when the caller stops waiting', async () => {
    const ask = async (headers: Record<string, string>) =>
      (await (await fetch(`${url}/deadline`, { headers })).json()) as { remainingMs?: number };
    expect(await ask({ 'x-request-timeout-ms': '5000' })).toEqual({ remainingMs: 5_000 });
    expect(await ask({ 'x-envoy-expected-rq-timeout-ms': '300' })).toEqual({ remainingMs: 300 });
    expect(await ask({ 'x-request-timeout-ms': '99999999' })).toEqual({ remainingMs: 3_600_000 });
    for (const wrong of ['0', '-5', '1e9', 'soon', '9999999999']) {
      expect(await ask({ 'x-request-timeout-ms': wrong })).toEqual({});
    }
  });

  it('aborts at the deadline', async () => {
    const call = fetch(`${url}/slow`, { headers: { 'x-request-timeout-ms': '30' } });
    await expect.poll(() => signals).toHaveLength(1);
    await clock.advance(29);
    expect(signals[0]?.aborted).toBe(false);
    await clock.advance(1);
    expect(signals[0]?.reason).toMatchObject({ code: 'RKY_CORE_TIMEOUT' });
    expect((await call).status).toBe(200);
  });

  it('aborts when the caller leaves, which is counted as 499', async () => {
    const caller = new AbortController();
    const call = fetch(`${url}/slow`, { signal: caller.signal }).catch(() => {});
    await expect.poll(() => signals.length).toBe(1);
    caller.abort();
    await call;
    await expect.poll(() => signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ code: 'RKY_CORE_ABORTED' });
    await expect
      .poll(() => requestLines()[0])
      .toMatchObject({ msg: 'GET /slow 499', http: { status: 499 } });
  });

  it('does not abort after a proper answer, and leaves no timer', async () => {
    await fetch(`${url}/deadline`, { headers: { 'x-request-timeout-ms': '20' } });
    await expect.poll(() => requestLines()).toHaveLength(1);
    expect(clock.pending).toBe(0);
    await clock.advance(60);
    expect(signals[0]?.aborted).toBe(false);
  });
});

describe('what is told of a request', () => {
  it('is one span, one line and one observation, with the route and not the path', async () => {
    const traceId = '80f198ee56343ba864fe8b2a57d3eff7';
    const response = await fetch(`${url}/orders/4711?token=c4n4ry-hunter2`, {
      method: 'POST',
      headers: { traceparent: `00-${traceId}-e457b5a2e4d86bd1-01` },
    });
    expect(response.headers.get('x-correlation-id')).toBe(traceId);
    await expect.poll(() => requestLines()).toHaveLength(1);
    const [span, ...more] = spans();
    expect(more).toEqual([]);
    expect(span).toMatchObject({
      traceId,
      parentId: 'e457b5a2e4d86bd1',
      kind: 'SERVER',
      name: 'post /orders/:id',
      tags: {
        'http.request.method': 'POST',
        'http.route': '/orders/:id',
        'http.response.status_code': '200',
        'url.path': '/orders/4711',
      },
    });
    expect(requestLines()[0]).toMatchObject({
      level: 'info',
      msg: 'POST /orders/:id 200',
      correlationId: traceId,
      traceId,
      spanId: span!.id,
      http: { method: 'POST', route: '/orders/:id', status: 200, ms: expect.any(Number) },
    });
    expect(await served('POST', '/orders/:id', '200', 'SUCCESS')).toBe(1);
    const text = await metrics.expose();
    expect(text + out.text + JSON.stringify(spans())).not.toContain('c4n4ry');
  });

  it('follows a caller that speaks b3 and does not want to be recorded', async () => {
    const b3 = '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0';
    await fetch(`${url}/deadline`, { headers: { b3 } });
    await expect.poll(() => requestLines()).toHaveLength(1);
    expect(spans()).toEqual([]);
    expect(requestLines()[0]).toMatchObject({ traceId: '80f198ee56343ba864fe8b2a57d3eff7' });
  });

  it('names errors, and fails the span only for ours', async () => {
    await fetch(`${url}/fail`);
    await fetch(`${url}/refuse`);
    await expect.poll(() => requestLines()).toHaveLength(2);
    const [refused, failed] = spans();
    expect(failed!.tags).toMatchObject({ error: 'broken', 'error.type': 'TypeError' });
    expect(refused!.tags).toMatchObject({ 'error.type': 'RangeError' });
    expect(refused!.tags).not.toHaveProperty('error');
    expect(requestLines()[0]).toMatchObject({ level: 'error', err: { message: 'broken' } });
    expect(requestLines()[1]).toMatchObject({ level: 'info', http: { status: 422 } });
    expect(await served('GET', '/fail', '500', 'SERVER_ERROR', 'TypeError')).toBe(1);
    expect(await served('GET', '/refuse', '422', 'CLIENT_ERROR', 'RangeError')).toBe(1);
  });

  it('does not multiply with unknown paths', async () => {
    await Promise.all(
      Array.from({ length: 20 }, () => fetch(`${url}/${randomUUID()}`, { method: 'PUT' })),
    );
    await expect.poll(() => requestLines()).toHaveLength(20);
    expect(await served('PUT', 'UNKNOWN', '404', 'CLIENT_ERROR')).toBe(20);
    expect(new Set(spans().map(({ name }) => name))).toEqual(new Set(['put']));
  });

  it('can be named where one pattern serves many routes', async () => {
    await fetch(`${url}/proxy/orders/7`);
    await expect.poll(() => requestLines()).toHaveLength(1);
    expect(spans()[0]!.name).toBe('get route:orders');
    expect(await served('GET', 'route:orders', '200', 'SUCCESS')).toBe(1);
  });

  it('is little for probes', async () => {
    await fetch(`${url}/manage/health/live`);
    await expect.poll(() => requestLines()).toHaveLength(1);
    expect(requestLines()[0]).toMatchObject({ level: 'debug' });
    expect(spans()).toEqual([]);
    expect(await served('GET', '/manage/health/live', '200', 'SUCCESS')).toBe(1);
  });

  it('covers a body that cannot be read', async () => {
    const response = await fetch(`${url}/orders/1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-correlation-id': 'c-broken' },
      body: '{"a":',
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('x-correlation-id')).toBe('c-broken');
    await expect.poll(() => requestLines()).toHaveLength(1);
    expect(requestLines()[0]).toMatchObject({ correlationId: 'c-broken', http: { status: 400 } });
  });
});

describe('isProbe', () => {
  it.each([
    ['/manage/health', true],
    ['/manage/health/ready', true],
    ['/manage/prometheus', true],
    ['/manage/traces?limit=5', true],
    ['/manage/sagas/saga-1', true],
    ['/manage/sagaciously', false],
    ['/manage/healthy', false],
    ['/orders', false],
  ])('%s: %s', (path, expected) => expect(isProbe(path)).toBe(expected));
});
