import { Controller, Get, Injectable, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore, readYaml } from '@rookery/config';
import { Lifecycle } from '@rookery/core';
import { Metrics, ObservabilityModule } from '@rookery/observability';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Bulkhead } from './bulkhead/bulkhead.decorator.js';
import { CircuitBreaker } from './circuit-breaker/circuit-breaker.decorator.js';
import { CircuitOpenError } from './circuit-breaker/circuit-open.error.js';
import { Fallback } from './fallback/fallback.decorator.js';
import { ResilienceRegistry } from './registry/resilience-registry.js';
import { ResilienceModule } from './resilience.module.js';
import { Retry } from './retry/retry.decorator.js';
import { Timeout } from './timeout/timeout.decorator.js';

@Injectable()
class Stock {
  @CircuitBreaker('inventory')
  @Retry('inventory', { attempts: 2, backoff: { initial: 0, jitter: 0 } })
  @Timeout('inventory', { duration: '5s' })
  @Bulkhead('inventory')
  async level(sku: string): Promise<number> {
    if (sku === 'broken') throw new Error('down');
    return 7;
  }
}

@Controller('stock')
class StockController {
  constructor(private readonly stock: Stock) {}

  @Get()
  @Fallback(() => -1, { on: [CircuitOpenError] })
  level(): Promise<number> {
    return this.stock.level('broken');
  }
}

interface App {
  get<T>(token: abstract new (...args: never[]) => T): T;
}

function start(config: object, module: Type): Promise<App> {
  return startWith(ConfigStore.of('orders', { log: { level: 'fatal' }, ...config }), module);
}

async function startWith(store: ConfigStore, module: Type): Promise<App> {
  const app = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot(),
      ResilienceModule.forRoot(),
      module,
    ],
  }).compile();
  await app.init();
  onTestFinished(async () => {
    await app.get(Lifecycle).stop();
    await app.close();
    store.close();
  });
  return { get: (token) => app.get(token as never) };
}

@Module({ providers: [Stock], controllers: [StockController] })
class StockModule {}

describe('ResilienceModule', () => {
  it('gives decorated providers and controllers the policies of their service', async () => {
    const app = await start(
      {
        resilience: {
          circuitbreaker: { instances: { inventory: { window: { type: 'count', size: 2 } } } },
        },
      },
      StockModule,
    );
    const registry = app.get(ResilienceRegistry);
    expect(registry.app).toBe('orders');
    expect(registry.list().map(({ kind, name }) => `${kind} ${name}`)).toEqual(
      expect.arrayContaining([
        'circuit-breaker inventory',
        'retry inventory',
        'timeout inventory',
        'bulkhead inventory',
      ]),
    );
    expect(await app.get(Stock).level('a')).toBe(7);
    await expect(app.get(Stock).level('broken')).rejects.toThrow('is open');
    expect(registry.circuitBreaker('inventory').state).toBe('open');
    expect(await app.get(StockController).level()).toBe(-1);
  });

  it('follows the configuration, and keeps the old one when the new is wrong', async () => {
    let text = 'resilience.timeout.instances.inventory.duration: 2s';
    const store = new ConfigStore({
      app: 'orders',
      profiles: ['development'],
      environment: { LOG_LEVEL: 'fatal' },
      sources: readYaml(text, 'orders.yml'),
      reload: async () => readYaml(text, 'orders.yml'),
      log: () => {},
    });
    const app = await startWith(store, StockModule);
    const timeout = app.get(ResilienceRegistry).timeout('inventory');
    expect(timeout.config.duration).toBe(2_000);
    text = 'resilience.timeout.instances.inventory.duration: 3s';
    await store.refresh();
    expect(timeout.config.duration).toBe(3_000);
    text = 'resilience.timeout.instances.inventory.duration: soon';
    await store.refresh().catch(() => {});
    expect(timeout.config.duration).toBe(3_000);
  });

  it('keeps services that share a process apart', async () => {
    const [first, second] = [await start({}, StockModule), await start({}, StockModule)];
    first.get(ResilienceRegistry).force('inventory', 'forced_open');
    await expect(first.get(Stock).level('a')).rejects.toThrow(CircuitOpenError);
    expect(await second.get(Stock).level('a')).toBe(7);
  });

  it('ends the start when an option is wrong', async () => {
    @Injectable()
    class Wrong {
      @Bulkhead({ maxConcurrent: 0 })
      async get(): Promise<void> {}
    }
    @Module({ providers: [Wrong] })
    class WrongModule {}
    await expect(start({}, WrongModule)).rejects.toThrow(
      "bulkhead 'Wrong#get': maxConcurrent: 0 is not allowed",
    );
    await expect(
      start({ resilience: { retry: { instances: { x: { attempts: 'many' } } } } }, StockModule),
    ).rejects.toThrow('resilience.retry.instances.x.attempts');
  });

  it("exposes Resilience4j's metric names", async () => {
    const app = await start({}, StockModule);
    await app.get(Stock).level('a');
    await app
      .get(Stock)
      .level('broken')
      .catch(() => {});
    const text = await app.get(Metrics).expose();
    const value = (line: string): number => {
      const found = text.split('\n').find((each) => {
        const [name, labels] = line.split(' ');
        return (
          each.startsWith(`${name}{`) && labels!.split(',').every((label) => each.includes(label))
        );
      });
      return Number(found?.split(' ').at(-1));
    };
    const name = 'name="inventory"';
    expect(value(`resilience4j_circuitbreaker_state ${name},state="closed"`)).toBe(1);
    expect(value(`resilience4j_circuitbreaker_state ${name},state="open"`)).toBe(0);
    expect(value(`resilience4j_circuitbreaker_failure_rate ${name}`)).toBe(-1);
    expect(value(`resilience4j_circuitbreaker_calls_seconds_count ${name},kind="failed"`)).toBe(2);
    expect(value(`resilience4j_circuitbreaker_buffered_calls ${name},kind="successful"`)).toBe(1);
    expect(value(`resilience4j_circuitbreaker_not_permitted_calls_total ${name}`)).toBe(0);
    expect(value(`resilience4j_retry_calls_total ${name},kind="failed_with_retry"`)).toBe(1);
    expect(value(`resilience4j_bulkhead_available_concurrent_calls ${name}`)).toBe(25);
    expect(value(`resilience4j_timelimiter_calls_total ${name},kind="successful"`)).toBe(1);
    expect(text).toContain('application="orders"');
  });
});
