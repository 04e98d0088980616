import type { AddressInfo } from 'node:net';
import {
  Controller,
  type DynamicModule,
  Get,
  Inject,
  Injectable,
  Logger,
  Module,
  Param,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { currentContext, InvalidOptionError, Lifecycle, runInContext } from '@rookery/core';
import type { Logger as PinoRoot } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createLogger,
  fastifyLogging,
  InjectPinoLogger,
  instrumentFastify,
  LOGGER,
  Metrics,
  nestLogger,
  ObservabilityModule,
  observe,
  PinoLogger,
  runAsApp,
  Tracing,
} from './index.js';
import { LogCapture, ZipkinSink } from './testing/index.js';

@Injectable()
class Stock {
  private readonly nest = new Logger('Stock');

  constructor(
    @InjectPinoLogger('StockPino') private readonly pino: PinoLogger,
    @Inject(LOGGER) private readonly root: PinoRoot,
  ) {}

  async reserve(sku: string): Promise<string | undefined> {
    this.nest.log(`nest ${sku}`);
    this.pino.assign({ sku });
    await Promise.resolve();
    this.pino.info(`pino ${sku}`);
    this.root.info(`root ${sku}`);
    return observe('stock.reserve', {}, () => currentContext()?.correlationId);
  }
}

@Controller('stock')
class StockController {
  constructor(private readonly stock: Stock) {}

  @Get(':sku')
  async one(@Param('sku') sku: string): Promise<object> {
    return { correlationId: await this.stock.reserve(sku) };
  }
}

interface Service {
  app: NestFastifyApplication;
  out: LogCapture;
  url: string;
  stop(): Promise<void>;
}

const services: Service[] = [];

afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});

/** A service as the platform assembles it. */
function serve(name: string, values: Record<string, unknown> = {}, environment = {}) {
  return runAsApp(name, async () => {
    const out = new LogCapture();
    const logger = createLogger({ app: name, instance: `${name}-1`, destination: out });
    const store = ConfigStore.of(
      name,
      { rookery: { instance: `${name}-1` }, metrics: { runtime: false }, ...values },
      environment,
    );
    @Module({
      imports: [ConfigModule.forStore(store), ObservabilityModule.forRoot({ logger })],
      controllers: [StockController],
      providers: [Stock],
    })
    class AppModule {}
    const app = await NestFactory.create<NestFastifyApplication>(
      AppModule,
      new FastifyAdapter(fastifyLogging(logger)),
      { logger: nestLogger(logger), abortOnError: false },
    );
    const fastify = app.getHttpAdapter().getInstance();
    const [tracing, metrics] = [app.get(Tracing), app.get(Metrics)];
    instrumentFastify(fastify, { tracing, metrics, logger, app: name });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const stop = async (): Promise<void> => {
      await app.get(Lifecycle).stop();
      await app.close();
      store.close();
    };
    const service = { app, out, url: `http://127.0.0.1:${port}`, stop };
    services.push(service);
    return service;
  });
}

describe('a Nest service', () => {
  it('says of each line, by whichever logger, which request it belongs to', async () => {
    const { url, out } = await serve('inventory');
    const skus = Array.from({ length: 30 }, (_, i) => `cup${i}`);
    await Promise.all(
      skus.map(async (sku) => {
        const response = await fetch(`${url}/stock/${sku}`, {
          headers: { 'x-correlation-id': `c-${sku}` },
        });
        expect(await response.json()).toEqual({ correlationId: `c-${sku}` });
      }),
    );
    for (const sku of skus) {
      const [nest] = out.saying(`nest ${sku}`);
      const [pino] = out.saying(`pino ${sku}`);
      const [root] = out.saying(`root ${sku}`);
      expect(nest).toMatchObject({ context: 'Stock', correlationId: `c-${sku}`, level: 'info' });
      expect(pino).toMatchObject({ context: 'StockPino', correlationId: `c-${sku}`, sku });
      expect(root).toMatchObject({ correlationId: `c-${sku}` });
      expect(nest!['traceId']).toMatch(/^[0-9a-f]{32}$/);
      expect([pino!['traceId'], root!['traceId']]).toEqual([nest!['traceId'], nest!['traceId']]);
    }
  });

  it('routes the lines of Nest itself', async () => {
    const { out } = await serve('inventory');
    expect(out.lines.some(({ context }) => context === 'RouterExplorer')).toBe(true);
    expect(out.lines.every(({ service }) => service === 'inventory')).toBe(true);
  });

  it('records by default in development, and a tenth elsewhere', async () => {
    const development = await serve('inventory');
    expect(development.app.get(Tracing).ring?.size).toBe(2_000);
    const production = await serve('payments', {}, { ROOKERY_PROFILE: 'production' });
    expect(production.app.get(Tracing).ring).toBeUndefined();
    let recorded = 0;
    for (let i = 0; i < 2_000; i++) {
      production.app
        .get(Tracing)
        .run('x', {}, (span) => void (recorded += span.isRecording() ? 1 : 0));
    }
    // Binomial, 2,000 at 0.1: the standard deviation is 13.
    expect(recorded).toBeGreaterThan(110);
    expect(recorded).toBeLessThan(300);
  });

  it('sends spans to Zipkin, the last ones while it stops', async () => {
    const sink = await ZipkinSink.start();
    try {
      const service = await serve('inventory', {
        tracing: { zipkin: { endpoint: sink.endpoint } },
      });
      await fetch(`${service.url}/stock/cup`);
      await service.stop();
      services.length = 0;
      expect(sink.violations).toEqual([]);
      expect(sink.spans.map(({ name }) => name).sort()).toEqual([
        'get /stock/:sku',
        'stock.reserve',
      ]);
    } finally {
      await sink.stop();
    }
  });

  it('refuses a wrong configuration', async () => {
    await expect(serve('inventory', { tracing: { sampling: 2 } })).rejects.toThrow(/sampling/);
    await expect(serve('inventory', { log: { level: 'loud' } })).rejects.toThrow(/level/);
  });
});

describe('two services in one process', () => {
  it('keep logs, metrics and traces apart', async () => {
    const [inventory, payments] = [await serve('inventory'), await serve('payments')];
    await fetch(`${inventory.url}/stock/cup`, { headers: { 'x-correlation-id': 'c-1' } });
    await fetch(`${payments.url}/stock/pen`);
    await fetch(`${payments.url}/stock/pen`);
    const served = async ({ app }: Service) =>
      Number(/stock_reserve_seconds_count\{.*\} (\d+)/.exec(await app.get(Metrics).expose())?.[1]);
    expect(await served(inventory)).toBe(1);
    expect(await served(payments)).toBe(2);
    expect(inventory.app.get(Tracing).ring!.traces(10)).toHaveLength(1);
    expect(payments.app.get(Tracing).ring!.traces(10)).toHaveLength(2);
    expect(inventory.out.saying('pino cup')[0]).toMatchObject({ service: 'inventory' });
    expect(payments.out.saying('pino pen')).toHaveLength(2);
    // Nest's static logger is one per process, the last app's; its lines still name their service.
    const nestLines = [...inventory.out.saying('nest cup'), ...payments.out.saying('nest cup')];
    expect(nestLines).toMatchObject([{ service: 'inventory', correlationId: 'c-1' }]);
  });

  it('attribute lines to the right service even outside of requests', async () => {
    const { out } = await serve('inventory');
    await serve('payments');
    runInContext({ app: 'payments', correlationId: 'c-9' }, () => new Logger('X').log('job'));
    const [line] = [...out.saying('job'), ...services[1]!.out.saying('job')];
    expect(line).toMatchObject({ service: 'payments', correlationId: 'c-9' });
  });
});

describe('a start that fails', () => {
  @Module({})
  class BrokenModule {
    static because(error: Error): DynamicModule {
      const useFactory = (): never => {
        throw error;
      };
      return { module: BrokenModule, providers: [{ provide: 'broken', useFactory }] };
    }
  }

  it.each([
    ['leaves what explains itself to its caller', new InvalidOptionError('x', []), 0],
    ['logs what nobody foresaw', new TypeError('x is not a function'), 1],
  ])('%s', async (_, error, lines) => {
    const out = new LogCapture();
    const logger = nestLogger(createLogger({ app: 'a', instance: 'a-1', destination: out }));
    const starting = NestFactory.create(BrokenModule.because(error), new FastifyAdapter(), {
      logger,
      abortOnError: false,
    });
    await expect(starting).rejects.toBe(error);
    expect(out.lines.filter(({ level }) => level === 'error')).toHaveLength(lines);
  });
});
