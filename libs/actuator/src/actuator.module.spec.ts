import type { AddressInfo } from 'node:net';
import { Catch, Module, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConfigModule, ConfigStore } from '@rookery/config';
import {
  HealthRegistry,
  Lifecycle,
  problemOf,
  runWithContext,
  type HealthContributor,
  type HealthResult,
} from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import {
  createLogger,
  fastifyLogging,
  instrumentFastify,
  Metrics,
  nestLogger,
  ObservabilityModule,
  Tracing,
  type ZipkinSpan,
} from '@rookery/observability';
import { LogCapture, zipkinSpans } from '@rookery/observability/testing';
import type { FastifyReply } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { ActuatorModule, Liveness, PUBLIC_METADATA } from './index.js';
import { HealthController } from './health/health.controller.js';

/** As the platform answers errors. */
@Catch()
class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const { status, ...body } = problemOf(error);
    void host
      .switchToHttp()
      .getResponse<FastifyReply>()
      .status(status)
      .send({ status, ...body });
  }
}

interface Options {
  readonly values?: Record<string, unknown>;
  readonly environment?: Record<string, string>;
  readonly clock?: VirtualClock;
  readonly started?: boolean;
  /** Scopes of the caller, as a guard would find them in a token. */
  readonly scopes?: readonly string[];
}

const apps: NestFastifyApplication[] = [];

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function serve(options: Options = {}) {
  const { values = {}, environment = {}, clock, started = true, scopes } = options;
  const out = new LogCapture();
  const logger = createLogger({ app: 'orders', instance: 'orders-1', destination: out });
  const base = { rookery: { instance: 'orders-1', version: '1.2.3' }, metrics: { runtime: false } };
  const management = { health: { cache: 0 } };
  const store = ConfigStore.of('orders', { ...base, management, ...values }, environment);
  @Module({
    imports: [
      ConfigModule.forStore(store, clock === undefined ? {} : { clock }),
      ObservabilityModule.forRoot({ logger }),
      ActuatorModule.forRoot(),
    ],
    providers: [{ provide: APP_FILTER, useClass: ProblemFilter }],
  })
  class AppModule {}
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule,
    new FastifyAdapter(fastifyLogging(logger)),
    { logger: nestLogger(logger), abortOnError: false },
  );
  apps.push(app);
  const fastify = app.getHttpAdapter().getInstance();
  const [tracing, metrics, lifecycle] = [app.get(Tracing), app.get(Metrics), app.get(Lifecycle)];
  instrumentFastify(fastify, { tracing, metrics, logger, app: 'orders' });
  if (scopes !== undefined) {
    const principal = {
      subject: 'ann',
      clientId: 'cli',
      scopes: new Set(scopes),
      roles: new Set<string>(),
      claims: {},
      token: 'x',
    };
    fastify.addHook('onRequest', (_request, _reply, done) => runWithContext({ principal }, done));
  }
  await app.listen(0, '127.0.0.1');
  if (started) await lifecycle.start();
  const { port } = app.getHttpServer().address() as AddressInfo;
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/manage/${path}`);
    const text = await response.text();
    const body = text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as never) : text;
    return { status: response.status, headers: response.headers, body: body as unknown };
  };
  return { app, get, out, lifecycle, tracing, metrics, registry: app.get(HealthRegistry) };
}

const part = (
  name: string,
  check: (signal: AbortSignal) => HealthResult | Promise<HealthResult>,
  groups: HealthContributor['groups'] = ['ready'],
): HealthContributor => ({ name, groups, check });

describe('health', () => {
  it('is UP with every part, in the shape of Spring Boot', async () => {
    const { get, registry } = await serve();
    registry.register(part('database', () => ({ status: 'up', details: { poolSize: 4 } })));
    const { status, body, headers } = await get('health');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      status: 'UP',
      components: {
        lifecycle: {
          status: 'UP',
          details: { phase: 'started', responseTimeMs: expect.any(Number) },
        },
        process: {
          status: 'UP',
          details: { eventLoopDelayMs: expect.any(Number), responseTimeMs: expect.any(Number) },
        },
        config: expect.objectContaining({ status: 'UP' }),
        database: { status: 'UP', details: { poolSize: 4, responseTimeMs: expect.any(Number) } },
      },
    });
  });

  it.each([
    ['degraded', 200, 'DEGRADED'],
    ['down', 503, 'DOWN'],
  ] as const)('with a part that is %s answers %i', async (status, code, word) => {
    const { get, registry } = await serve();
    registry.register(part('fine', () => ({ status: 'up' })));
    registry.register(part('catalog', () => ({ status, details: { status: 'odd', why: 'x' } })));
    for (const path of ['health', 'health/ready']) {
      const answer = await get(path);
      expect(answer.status).toBe(code);
      expect(answer.body).toMatchObject({
        status: word,
        components: {
          fine: { status: 'UP' },
          catalog: { status: word, details: { status: 'odd', why: 'x' } },
        },
      });
    }
    expect((await get('health/live')).status).toBe(200);
    expect((await get('health/startup')).status).toBe(200);
  });

  it('asks for each question only whom it concerns', async () => {
    const { get, registry } = await serve();
    registry.register(part('database', () => ({ status: 'down' }), ['ready', 'startup']));
    const components = async (path: string) =>
      Object.keys(((await get(path)).body as { components: object }).components).sort();
    expect(await components('health/live')).toEqual(['process']);
    const both = expect.arrayContaining(['database', 'lifecycle']) as unknown;
    expect(await components('health/ready')).toEqual(both);
    expect(await components('health/startup')).toEqual(both);
  });

  it('counts a part that throws or hangs as down, and tells it to stop', async () => {
    const { get, registry } = await serve({
      values: { management: { health: { timeout: '50ms', cache: 0 } } },
    });
    let aborted = false;
    registry.register(
      part('hanging', (signal) => {
        signal.addEventListener('abort', () => (aborted = true));
        return new Promise(() => {});
      }),
    );
    registry.register(
      part('broken', () => {
        throw new Error('no route to host');
      }),
    );
    const { status, body } = await get('health/ready');
    expect(status).toBe(503);
    expect(body).toMatchObject({
      components: {
        hanging: { status: 'DOWN', details: { error: 'timeout of 50ms exceeded' } },
        broken: { status: 'DOWN', details: { error: 'no route to host' } },
      },
    });
    expect(aborted).toBe(true);
  });

  it('asks a part once for many probes at a time', async () => {
    const { get, registry } = await serve({
      values: { management: { health: { cache: '30s' } } },
    });
    let asked = 0;
    registry.register(
      part('database', () => {
        asked++;
        return { status: 'up' };
      }),
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('health/ready')));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(asked).toBe(1);
  });

  it('is not ready before the start and during the stop, but alive', async () => {
    const { get, lifecycle } = await serve({ started: false });
    const codes = async () =>
      Object.fromEntries(
        await Promise.all(
          ['live', 'startup', 'ready'].map(async (group) => {
            const { status, body } = await get(`health/${group}`);
            return [group, `${status} ${(body as { status: string }).status}`] as const;
          }),
        ),
      );
    expect(await codes()).toEqual({ live: '200 UP', startup: '503 DOWN', ready: '503 DOWN' });
    await lifecycle.start();
    expect(await codes()).toEqual({ live: '200 UP', startup: '200 UP', ready: '200 UP' });
    let release = (): void => {};
    lifecycle.onStop('drain', 'test', () => new Promise((resolve) => (release = resolve)));
    const stopped = lifecycle.stop();
    expect(await codes()).toEqual({
      live: '200 UP',
      startup: '200 UP',
      ready: '503 OUT_OF_SERVICE',
    });
    release();
    await stopped;
  });

  it('is not alive once the process says that it cannot recover', async () => {
    const { app, get } = await serve();
    app.get(Liveness).fail('worker died');
    expect(await get('health/live')).toMatchObject({
      status: 503,
      body: { components: { process: { details: { reason: 'worker died' } } } },
    });
    expect((await get('health/ready')).status).toBe(200);
  });

  it('logs no line per probe', async () => {
    const { get, registry, out } = await serve();
    registry.register(part('database', () => ({ status: 'up' })));
    const before = out.lines.length;
    await get('health');
    expect(out.lines).toHaveLength(before);
  });
});

describe('who sees details', () => {
  const production = { ROOKERY_PROFILE: 'production' };
  const shown = async (options: Options) => {
    const { get } = await serve(options);
    return Object.keys((await get('health/ready')).body as object);
  };

  it('all in development; elsewhere who has scope ops:read', async () => {
    expect(await shown({})).toEqual(['status', 'components']);
    expect(await shown({ environment: production })).toEqual(['status']);
    expect(await shown({ environment: production, scopes: ['orders:read'] })).toEqual(['status']);
    expect(await shown({ environment: production, scopes: ['ops:read'] })).toEqual([
      'status',
      'components',
    ]);
  });

  it('as configured', async () => {
    const details = (value: string) => ({ management: { health: { details: value } } });
    expect(await shown({ values: details('never') })).toEqual(['status']);
    expect(await shown({ values: details('always'), environment: production })).toHaveLength(2);
  });

  it('is open to the guard of security', () => {
    expect(Reflect.getMetadata(PUBLIC_METADATA, HealthController)).toBe(true);
  });
});

describe('info', () => {
  it('tells what runs', async () => {
    const clock = new VirtualClock();
    const { get } = await serve({ clock });
    await clock.advance(90_400);
    expect((await get('info')).body).toEqual({
      service: 'orders',
      instance: 'orders-1',
      version: '1.2.3',
      profile: 'development',
      node: process.version,
      startedAt: '2026-01-01T00:00:00.000Z',
      uptimeSeconds: 90,
    });
  });
});

describe('prometheus', () => {
  it('exposes the metrics of the app', async () => {
    const { get, metrics } = await serve();
    metrics.counter({ name: 'orders_placed_total', help: 'Orders placed' }).inc();
    const { body, headers } = await get('prometheus');
    expect(headers.get('content-type')).toBe(metrics.contentType);
    expect(body).toContain('# TYPE orders_placed_total counter');
    expect(body).toContain('orders_placed_total{application="orders",instance="orders-1"} 1');
  });
});

describe('traces', () => {
  it('are listed newest first and found by id, as Zipkin has them', async () => {
    const { get, tracing } = await serve();
    const ids = [1, 2, 3].map((n) =>
      tracing.run(`order ${n}`, {}, (span) => {
        tracing.run('child', {}, () => {});
        return span.spanContext().traceId;
      }),
    );
    const listed = (await get('traces?limit=2')).body as ZipkinSpan[][];
    expect(listed.map(([root]) => root!.name)).toEqual(['order 3', 'order 2']);
    const { status, body } = await get(`traces/${ids[0]}`);
    expect(status).toBe(200);
    expect(zipkinSpans.safeParse(body).error).toBeUndefined();
    expect((body as ZipkinSpan[]).map(({ name }) => name)).toEqual(['order 1', 'child']);
  });

  it.each([
    [`traces/${'f'.repeat(32)}`, 404, 'RKY_ACT_TRACE_NOT_FOUND'],
    ['traces/xyz', 400, 'RKY_ACT_INVALID_REQUEST'],
    ['traces?limit=0', 400, 'RKY_ACT_INVALID_REQUEST'],
    ['traces?limit=501', 400, 'RKY_ACT_INVALID_REQUEST'],
    ['traces?limit=1e9', 400, 'RKY_ACT_INVALID_REQUEST'],
  ])('%s: %i', async (path, status, code) => {
    const { get } = await serve();
    expect(await get(path)).toMatchObject({ status, body: { code } });
  });

  it('outside of development are for operators, and only when kept', async () => {
    const environment = { ROOKERY_PROFILE: 'production' };
    const values = { tracing: { ring: { enabled: true }, sampling: 1 } };
    expect(await (await serve({ environment, values })).get('traces')).toMatchObject({
      status: 403,
      body: { code: 'RKY_ACT_OPERATORS_ONLY' },
    });
    const operator = { environment, scopes: ['ops:read'] };
    expect(await (await serve({ ...operator, values })).get('traces')).toMatchObject({
      status: 200,
      body: [],
    });
    expect(await (await serve(operator)).get('traces')).toMatchObject({
      status: 404,
      body: { code: 'RKY_ACT_TRACES_OFF' },
    });
  });
});

describe('the drain', () => {
  const stop = async (options: Options) => {
    const clock = new VirtualClock();
    const { lifecycle } = await serve({ ...options, clock });
    let stopped = false;
    const done = lifecycle.stop().then(() => (stopped = true));
    return { clock, done, stopped: () => stopped };
  };

  it('is none in development', async () => {
    const { done, stopped } = await stop({});
    await done;
    expect(stopped()).toBe(true);
  });

  it.each([
    [{}, 5_000],
    [{ values: { server: { drainDelay: '7s' } } }, 7_000],
  ])('else serves on, %#', async (options, ms) => {
    const { clock, done, stopped } = await stop({
      ...options,
      environment: { ROOKERY_PROFILE: 'production' },
    });
    await clock.advance(ms - 1);
    expect(stopped()).toBe(false);
    await clock.advance(1);
    await done;
    expect(clock.pending).toBe(0);
  });
});
