import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, bench, describe } from 'vitest';
import { createLogger } from '../logging/create-logger.js';
import { fastifyLogging } from '../logging/fastify-logging.js';
import { Metrics } from '../metrics/metrics.js';
import { Tracing } from '../tracing/tracing.js';
import { instrumentFastify } from './instrument-fastify.js';

const metrics = new Metrics({ app: 'bench', instance: 'bench-1', runtime: false });
const logger = createLogger({
  app: 'bench',
  instance: 'bench-1',
  destination: { write: () => {} },
});

afterAll(() => metrics.close());

function server(tracing?: Tracing): FastifyInstance {
  const fastify = Fastify(fastifyLogging(logger));
  if (tracing !== undefined) instrumentFastify(fastify, { tracing, metrics, logger, app: 'bench' });
  fastify.get('/orders/:id', async (request) => request.params);
  return fastify;
}

const tracing = (options: { sampling?: number; ringSize?: number }) =>
  new Tracing({ app: 'bench', instance: 'bench-1', ...options });

const headers = { traceparent: '00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01' };
const bare = server();
const unsampled = server(tracing({ sampling: 0 }));
const sampled = server(tracing({ sampling: 1 }));
const kept = server(tracing({ sampling: 1, ringSize: 2_000 }));

/** Without a socket: what differs between the rows is what observing a request costs. */
describe('one request', () => {
  bench('bare', async () => void (await bare.inject('/orders/7')));
  bench('observed, not recorded', async () => void (await unsampled.inject('/orders/7')));
  bench('observed, recorded', async () => void (await sampled.inject('/orders/7')));
  bench('observed, recorded and kept', async () => void (await kept.inject('/orders/7')));
  bench('observed, continuing a trace', async () => {
    await kept.inject({ url: '/orders/7', headers });
  });
});

describe('parts', () => {
  const timer = metrics.histogram({
    name: 'bench_seconds',
    help: 'h',
    labels: ['method', 'uri', 'status', 'outcome', 'exception'],
  });
  const labels = {
    method: 'GET',
    uri: '/orders/:id',
    status: '200',
    outcome: 'SUCCESS',
    exception: 'none',
  };
  const [recording, keeping] = [tracing({ sampling: 1 }), tracing({ sampling: 1, ringSize: 100 })];
  const attributes = { 'http.request.method': 'GET', 'url.path': '/orders/7' };
  bench('a histogram observation', () => timer.observe(labels, 0.003));
  bench('a span', () => recording.run('GET /orders/:id', { attributes }, () => {}));
  bench('a span that is kept', () => keeping.run('GET /orders/:id', { attributes }, () => {}));
  bench('extracting traceparent', () => void recording.extract(headers));
  bench('a log line', () =>
    logger.info({ http: { method: 'GET', route: '/orders/:id', status: 200, ms: 3 } }, 'GET 200'),
  );
});
