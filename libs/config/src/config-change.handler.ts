import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { HealthRegistry, Lifecycle } from '@rookery/core';
import { configHealth } from './config.health.js';
import { injectedConfigsOf } from './inject-config.decorator.js';
import { ON_CONFIG_CHANGE } from './on-config-change.decorator.js';
import { relaxed } from './property-source/property-path.js';
import { ConfigStore, type ConfigChange } from './store/config-store.js';

/** Ties the classes of a service to its configuration, and the store to the service's life. */
@Injectable()
export class ConfigChangeHandler implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('Config');

  constructor(
    @Inject(ConfigStore) private readonly store: ConfigStore,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(Lifecycle) lifecycle: Lifecycle,
    @Inject(HealthRegistry) health: HealthRegistry,
  ) {
    health.register(configHealth(store));
    lifecycle.onStop('schedulers', 'config', () => store.close());
  }

  /** @throws InvalidOptionError when a namespace that a class injects is wrong */
  onModuleInit(): void {
    this.store.logTo((level, message, fields = {}) => {
      if (level === 'info') this.#logger.log(fields, message);
      else this.#logger[level](fields, message);
    });
    for (const { instance, metatype } of [
      ...this.discovery.getProviders(),
      ...this.discovery.getControllers(),
    ]) {
      if (typeof metatype === 'function') {
        for (const { path, schema } of injectedConfigsOf(metatype)) this.store.ref(path, schema);
      }
      if (typeof instance === 'object' && instance !== null) this.#listen(instance);
    }
  }

  /** For services that never run their lifecycle, as most tests do not. */
  onApplicationShutdown(): void {
    this.store.close();
  }

  #listen(instance: object): void {
    const prototype: unknown = Object.getPrototypeOf(instance);
    if (typeof prototype !== 'object' || prototype === null) return;
    for (const name of this.scanner.getAllMethodNames(prototype)) {
      const method = (instance as Record<string, unknown>)[name];
      if (typeof method !== 'function') continue;
      const path: unknown = Reflect.getMetadata(ON_CONFIG_CHANGE, method);
      if (typeof path !== 'string') continue;
      this.store.onChange((change) => {
        const keys = change.keys.filter((key) => isBelow(key, path));
        if (keys.length === 0) return;
        return method.call(instance, { ...change, keys } satisfies ConfigChange) as void;
      });
    }
  }
}

function isBelow(key: string, path: string): boolean {
  const [name, prefix] = [relaxed(key), relaxed(path)];
  return name === prefix || name.startsWith(`${prefix}.`) || name.startsWith(`${prefix}[`);
}
