import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HealthRegistry, Lifecycle, systemClock } from '@rookery/core';
import { ConfigChangeHandler } from './config-change.handler.js';
import { injectedConfigs } from './inject-config.decorator.js';
import { describeService, ServiceInfo, type DescribeServiceOptions } from './service-info.js';
import { ConfigStore, type ConfigRef } from './store/config-store.js';

/** Token of the {@link Clock} that everything in the service uses. */
export const CLOCK = Symbol.for('rookery:clock');

/** Options of {@link ConfigModule.forStore}. */
export interface ConfigModuleOptions extends DescribeServiceOptions {
  /** Who the service is, if that had to be known before Nest. @default {@link describeService} */
  readonly service?: ServiceInfo | undefined;
}

/**
 * Gives a service its configuration and what else every part of it needs: {@link ConfigStore},
 * {@link ServiceInfo}, `Lifecycle`, `HealthRegistry` and {@link CLOCK}. Global.
 */
@Module({})
export class ConfigModule {
  /** The module for a store that {@link loadConfig} made. Closes it when the service stops. */
  static forStore(store: ConfigStore, options: ConfigModuleOptions = {}): DynamicModule {
    const clock = options.clock ?? systemClock;
    const service = options.service ?? describeService(store, options);
    const shared: Provider[] = [
      { provide: ConfigStore, useValue: store },
      { provide: ServiceInfo, useValue: service },
      { provide: CLOCK, useValue: clock },
      { provide: Lifecycle, useFactory: () => new Lifecycle(clock) },
      { provide: HealthRegistry, useFactory: () => new HealthRegistry() },
      ...injectedConfigs().map(({ token, path, schema }) => ({
        provide: token,
        useFactory: () => lazyRef(() => store.ref(path, schema)),
      })),
    ];
    return {
      module: ConfigModule,
      global: true,
      imports: [DiscoveryModule],
      providers: [...shared, ConfigChangeHandler],
      exports: shared.map((provider) => (provider as { provide: symbol }).provide),
    };
  }
}

/**
 * Services that share a process share their decorators too: a namespace is bound only when the
 * explorer finds a class of this service that injects it.
 */
function lazyRef(bind: () => ConfigRef<unknown>): ConfigRef<unknown> {
  let bound: ConfigRef<unknown> | undefined;
  const ref = (): ConfigRef<unknown> => (bound ??= bind());
  return {
    get value() {
      return ref().value;
    },
    onChange: (listener) => ref().onChange(listener),
  };
}
