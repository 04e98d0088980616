import { Inject, Logger, Module, type OnModuleInit } from '@nestjs/common';
import { CLOCK, ConfigStore } from '@rookery/config';
import { HealthRegistry, Lifecycle, type Clock } from '@rookery/core';
import { Metrics } from '@rookery/observability';
import { readOptions } from '../discovery-server.options.js';
import { Registry } from './registry.js';

/** The registry of this server, its health, metrics and life. */
@Module({
  providers: [
    {
      provide: Registry,
      inject: [ConfigStore, CLOCK],
      useFactory: (config: ConfigStore, clock: Clock) => new Registry(readOptions(config), clock),
    },
  ],
  exports: [Registry],
})
export class RegistryModule implements OnModuleInit {
  readonly #logger = new Logger('Registry');

  constructor(
    @Inject(Registry) private readonly registry: Registry,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(HealthRegistry) private readonly health: HealthRegistry,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    const { registry } = this;
    this.lifecycle.onStart('schedulers', 'lease eviction', () => registry.start());
    this.lifecycle.onStop('schedulers', 'registry', () => registry.close());
    registry.onChange((version) =>
      this.#logger.debug({ version, instances: registry.size }, 'registry changed'),
    );
    this.metrics.gauge({
      name: 'rookery_registry_instances',
      help: 'Instances in the registry',
      collect: (gauge) => gauge.set(registry.size),
    });
    this.health.register({
      name: 'registry',
      groups: ['ready'],
      check: () => ({
        status: registry.preservingSince === undefined ? 'up' : 'degraded',
        details: {
          instances: registry.size,
          version: registry.version,
          ...(registry.preservingSince === undefined
            ? {}
            : { preservingSince: new Date(registry.preservingSince).toISOString() }),
        },
      }),
    });
  }
}
