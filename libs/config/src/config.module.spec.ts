import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { HealthRegistry, InvalidOptionError, Lifecycle, type Clock } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CLOCK, ConfigModule } from './config.module.js';
import { InjectConfig } from './inject-config.decorator.js';
import { NestConfigModule } from './nestjs/index.js';
import { OnConfigChange } from './on-config-change.decorator.js';
import { flatten } from './property-source/property-source.js';
import { ServiceInfo } from './service-info.js';
import { ConfigStore, type ConfigChange, type ConfigRef } from './store/config-store.js';

const shopSchema = z.strictObject({ limit: z.number() });
const elsewhere = z.strictObject({ required: z.string() });
type Shop = z.output<typeof shopSchema>;

@Injectable()
class ByParameter {
  readonly changes: ConfigChange[] = [];

  constructor(@InjectConfig('shop', shopSchema) readonly config: ConfigRef<Shop>) {}

  @OnConfigChange('shop')
  changed(change: ConfigChange): void {
    this.changes.push(change);
  }
}

@Injectable()
class ByProperty {
  @InjectConfig('shop', shopSchema)
  readonly config!: ConfigRef<Shop>;
}

/** Of another service that happens to share the process: never a provider here. */
@Injectable()
export class OfAnotherService {
  constructor(@InjectConfig('elsewhere', elsewhere) readonly config: ConfigRef<unknown>) {}
}

async function start(values: unknown, providers: (new (...args: never[]) => object)[]) {
  let current = values;
  const sources = () => [{ name: 'test.yml', properties: flatten(current, 'test.yml') }];
  const store = new ConfigStore({
    app: 'orders',
    profiles: ['development'],
    environment: { ROOKERY_INSTANCE: 'orders-7' },
    sources: sources(),
    reload: async () => sources(),
    log: () => {},
  });
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store, { version: '1.2.3', clock: new VirtualClock(5_000) }),
      NestConfigModule.forRoot(),
    ],
    providers,
  }).compile();
  const app = await module.init();
  return { app, store, set: (next: unknown) => (current = next) };
}

describe('the config module', () => {
  it('injects live namespaces into parameters and properties', async () => {
    const { app, store, set } = await start({ shop: { limit: 1 } }, [ByParameter, ByProperty]);
    const [one, two] = [app.get(ByParameter), app.get(ByProperty)];
    expect([one.config.value.limit, two.config.value.limit]).toEqual([1, 1]);
    set({ shop: { limit: 2 } });
    await store.refresh();
    expect([one.config.value.limit, two.config.value.limit]).toEqual([2, 2]);
    await app.close();
  });

  it('calls methods with the keys below their path, and only then', async () => {
    const { app, store, set } = await start({ shop: { limit: 1 }, x: 1 }, [ByParameter]);
    set({ shop: { limit: 1 }, x: 2 });
    await store.refresh();
    expect(app.get(ByParameter).changes).toEqual([]);
    set({ shop: { limit: 2 }, x: 3 });
    await store.refresh();
    expect(app.get(ByParameter).changes.map(({ keys }) => keys)).toEqual([['shop.limit']]);
    await app.close();
  });

  it('stops the start when an injected namespace is wrong', async () => {
    await expect(start({ shop: { limit: 'x' } }, [ByParameter])).rejects.toThrow(
      InvalidOptionError,
    );
    await expect(start({ shop: {} }, [ByProperty])).rejects.toThrow(/shop\.limit: is missing/);
  });

  it('says who the service is and offers what every part needs', async () => {
    const { app } = await start({}, []);
    expect(app.get(ServiceInfo)).toEqual({
      name: 'orders',
      instance: 'orders-7',
      version: '1.2.3',
      profile: 'development',
      startedAt: 5_000,
    });
    expect(app.get<Clock>(CLOCK).now()).toBe(5_000);
    expect(app.get(Lifecycle).started).toBe(false);
    await app.close();
  });

  it('is degraded, not down, while the configuration cannot be refreshed', async () => {
    const { app, store, set } = await start({ shop: { limit: 1 } }, [ByParameter]);
    const [health] = app.get(HealthRegistry).contributors('ready');
    const { signal } = new AbortController();
    expect(await health!.check(signal)).toMatchObject({ status: 'up' });
    set({ shop: { limit: 'x' } });
    await store.refresh().catch(() => {});
    expect(await health!.check(signal)).toMatchObject({
      status: 'degraded',
      details: { problem: expect.stringContaining('shop.limit') as string },
    });
    await app.close();
  });

  it('closes the store with the service', async () => {
    const { app, store } = await start({}, []);
    await app.get(Lifecycle).stop();
    await expect(store.refresh()).rejects.toThrow(/closed|aborted/);
    await app.close();
  });
});

describe("@nestjs/config's service", () => {
  it('reads the live snapshot and nothing of the process', async () => {
    const { app, store, set } = await start({ shop: { limit: 1 } }, []);
    const service = app.get(ConfigService);
    expect(service.get('shop.limit')).toBe(1);
    expect(service.get('PATH')).toBeUndefined();
    expect(() => service.getOrThrow('shop.none')).toThrow(/does not exist/);
    set({ shop: { limit: 2 } });
    await store.refresh();
    expect(service.get('shop.limit')).toBe(2);
    expect(() => service.set('shop.limit', 3)).toThrow(/read-only/);
    await app.close();
  });
});
