import { Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { CLOCK, ConfigStore, ServiceInfo, type ConfigRef } from '@rookery/config';
import { Lifecycle, type Clock } from '@rookery/core';
import { Metrics } from '@rookery/observability';
import { resilientMethodOf } from './method/resilient-method.js';
import { ResilienceRegistry } from './registry/resilience-registry.js';
import { bindResilienceMetrics } from './resilience.metrics.js';
import { resilienceSchema, type ResilienceSettings } from './resilience.options.js';

const SETTINGS = Symbol('rookery:resilience-settings');

/**
 * Makes resilience decorators use one {@link ResilienceRegistry} per service, configured live from
 * the namespace `resilience` and exposed as metrics. Needs `ConfigModule` and `ObservabilityModule`.
 */
@Module({})
export class ResilienceModule implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly registry: ResilienceRegistry,
    metrics: Metrics,
    lifecycle: Lifecycle,
  ) {
    bindResilienceMetrics(registry, metrics);
    lifecycle.onStop('pools', 'resilience', () => registry.close());
  }

  /** Provides the registry, globally. */
  static forRoot(): DynamicModule {
    return {
      module: ResilienceModule,
      global: true,
      imports: [DiscoveryModule],
      providers: [
        {
          provide: SETTINGS,
          inject: [ConfigStore],
          useFactory: (store: ConfigStore) => store.ref('resilience', resilienceSchema),
        },
        {
          provide: ResilienceRegistry,
          inject: [SETTINGS, ServiceInfo, CLOCK],
          useFactory: liveRegistry,
        },
      ],
      exports: [ResilienceRegistry],
    };
  }

  /** Binds every decorated method now, so that a wrong option ends the start and not a request. */
  onModuleInit(): void {
    for (const { instance } of [
      ...this.discovery.getProviders(),
      ...this.discovery.getControllers(),
    ]) {
      if (typeof instance !== 'object' || instance === null) continue;
      const prototype = Object.getPrototypeOf(instance) as object | null;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        const method: unknown = (instance as Record<string, unknown>)[name];
        if (typeof method === 'function') resilientMethodOf(method)?.bind(instance as object);
      }
    }
  }
}

function liveRegistry(
  settings: ConfigRef<ResilienceSettings>,
  { name: app }: ServiceInfo,
  clock: Clock,
): ResilienceRegistry {
  const registry = new ResilienceRegistry({ app, clock, settings: settings.value });
  settings.onChange((value) => registry.configure(value));
  return registry;
}
