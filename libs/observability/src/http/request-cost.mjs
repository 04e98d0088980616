// What observing a request costs, measured on the built package: CPU microseconds per request,
// median of interleaved rounds, printed as JSON. `instrument-fastify.bench.ts` runs it in a process
// of its own, because vitest reads every import through a getter, which costs more than some parts.
/* oxlint-disable no-console -- prints figures */
import { setImmediate } from 'node:timers/promises';
import {
  createLogger,
  fastifyLogging,
  instrumentFastify,
  Metrics,
  Tracing,
} from '@rookery/observability';
import Fastify from 'fastify';

const ROUNDS = 9;
const REQUESTS = 1_000;
const PARTS = 20_000;

const identity = { app: 'bench', instance: 'bench-1' };
const metrics = new Metrics({ ...identity, runtime: false });
const logger = createLogger({ ...identity, destination: { write: () => {} } });
const headers = { traceparent: '00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01' };

/** Without a socket: what differs between servers is what observing a request costs. */
function server(tracing) {
  const fastify = Fastify(fastifyLogging(logger));
  if (tracing !== undefined) instrumentFastify(fastify, { tracing, metrics, logger, app: 'bench' });
  fastify.get('/orders/:id', async (request) => request.params);
  const request = { url: '/orders/7', headers };
  return async () => {
    for (let i = 0; i < REQUESTS; i++) {
      await fastify.inject(request);
      // Injected requests are freed by the event loop, which a chain of promises would never reach.
      await setImmediate();
    }
    return REQUESTS;
  };
}

function repeat(part) {
  return async () => {
    for (let i = 0; i < PARTS; i++) part();
    return PARTS;
  };
}

const timer = metrics.histogram({
  name: 'bench_seconds',
  help: 'As http_server_requests_seconds',
  labels: ['method', 'uri', 'status', 'outcome', 'exception'],
});
const labels = {
  method: 'GET',
  uri: '/orders/:id',
  status: '200',
  outcome: 'SUCCESS',
  exception: 'none',
};
const attributes = { 'http.request.method': 'GET', 'url.path': '/orders/7' };
const recording = new Tracing(identity);
const keeping = new Tracing({ ...identity, ringSize: 2_000 });
const line = { http: { method: 'GET', route: '/orders/:id', status: 200, ms: 3 } };

const candidates = {
  bare: server(),
  recorded: server(recording),
  kept: server(keeping),
  span: repeat(() => recording.run('GET /orders/:id', { attributes }, () => {})),
  keptSpan: repeat(() => keeping.run('GET /orders/:id', { attributes }, () => {})),
  observation: repeat(() => timer.observe(labels, 0.003)),
  logLine: repeat(() => logger.info(line, 'GET /orders/:id 200')),
};

const samples = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
for (let round = -4; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(candidates)) {
    const before = process.cpuUsage();
    const count = await run();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) samples[name].push((user + system) / count);
  }
}
const micros = Object.fromEntries(
  Object.entries(samples).map(([name, values]) => [
    name,
    values.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)],
  ]),
);
console.log(JSON.stringify(micros));
