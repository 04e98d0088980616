import { type AddressInfo } from 'node:net';
import { Deadline, runInContext, systemClock } from '@rookery/core';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../logging/create-logger.js';
import { Metrics } from '../metrics/metrics.js';
import { metricSamples } from '../testing/metric-samples.js';
import { LogCapture } from '../testing/log-capture.js';
import { Tracing } from '../tracing/tracing.js';
import { traceClientCall } from './client-call.js';
import { instrumentFastify } from './instrument-fastify.js';

const app = (name: string) => ({
  tracing: new Tracing({ app: name, instance: `${name}-1`, ringSize: 100 }),
  metrics: new Metrics({ app: name, instance: `${name}-1`, runtime: false }),
});

let server: FastifyInstance;
let inventory: ReturnType<typeof app>;
let orders: ReturnType<typeof app>;
let headers: Record<string, unknown>[];
let url: string;

beforeEach(async () => {
  [inventory, orders] = [app('inventory'), app('orders')];
  headers = [];
  server = Fastify();
  const destination = new LogCapture();
  const logger = createLogger({ app: 'inventory', instance: 'inventory-1', destination });
  instrumentFastify(server, { ...inventory, logger, app: 'inventory' });
  server.get('/stock/:sku', async (request, reply) => {
    headers.push(request.headers);
    const { sku } = request.params as { sku: string };
    return reply.code(sku === 'none' ? 404 : 200).send({ sku });
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await server.close();
  inventory.metrics.close();
  orders.metrics.close();
});

const call = (base: string, sku: string) =>
  traceClientCall(
    orders,
    { client: 'inventory', method: 'GET', uri: '/stock/:sku', port: 3002 },
    (sent) => fetch(`${base}/stock/${sku}`, { headers: sent }),
  );

describe('traceClientCall', () => {
  it('carries trace, correlation id and deadline to the other side', async () => {
    const deadline = Deadline.in(5_000, systemClock);
    await runInContext({ app: 'orders', correlationId: 'c-1', deadline }, () =>
      orders.tracing.run('POST /orders', { kind: 'server' }, () => call(url, 'cup')),
    );
    const ours = orders.tracing.ring!.traces(1)[0]!;
    const client = ours.find(({ kind }) => kind === 'CLIENT')!;
    expect(client).toMatchObject({
      name: 'get /stock/:sku',
      remoteEndpoint: { serviceName: 'inventory', port: 3002 },
      tags: { 'http.response.status_code': '200', 'url.template': '/stock/:sku' },
    });
    await expect.poll(() => inventory.tracing.ring!.trace(client.traceId)).toHaveLength(1);
    expect(inventory.tracing.ring!.trace(client.traceId)[0]).toMatchObject({
      parentId: client.id,
      kind: 'SERVER',
    });
    expect(headers[0]).toMatchObject({
      'x-correlation-id': 'c-1',
      traceparent: `00-${client.traceId}-${client.id}-01`,
      b3: `${client.traceId}-${client.id}-1`,
    });
    const ms = Number(headers[0]!['x-request-timeout-ms']);
    expect(ms).toBeGreaterThan(3_000);
    expect(ms).toBeLessThanOrEqual(5_000);
  });

  it('works outside of any request', async () => {
    expect((await call(url, 'cup')).status).toBe(200);
    expect(headers[0]).not.toHaveProperty('x-request-timeout-ms');
    expect(headers[0]).toHaveProperty('traceparent');
  });

  it('measures answers by status and failures by class', async () => {
    await call(url, 'cup');
    expect((await call(url, 'none')).status).toBe(404);
    await expect(call('http://127.0.0.1:1', 'cup')).rejects.toThrow('fetch failed');
    const samples = await metricSamples(orders.metrics);
    const count = (status: string, outcome: string, exception: string) =>
      samples.get(
        `http_client_requests_seconds_count{client_name="inventory",exception="${exception}",method="GET",outcome="${outcome}",status="${status}",uri="/stock/:sku"}`,
      );
    expect(count('200', 'SUCCESS', 'none')).toBe(1);
    expect(count('404', 'CLIENT_ERROR', 'none')).toBe(1);
    expect(count('CLIENT_ERROR', 'UNKNOWN', 'TypeError')).toBe(1);
    const failed = orders.tracing
      .ring!.traces(10)
      .flat()
      .filter(({ tags }) => 'error' in tags);
    expect(failed).toHaveLength(2);
  });
});
