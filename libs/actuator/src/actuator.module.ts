import { Inject, Module, type DynamicModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { CLOCK, ConfigStore } from '@rookery/config';
import { HealthRegistry, Lifecycle, type Clock } from '@rookery/core';
import { managementSchema } from './actuator.options.js';
import { HealthReporter } from './health/health-report.js';
import { HealthController } from './health/health.controller.js';
import { Liveness } from './health/liveness.js';
import { lifecycleHealth, livenessHealth } from './health/process.health.js';
import { InfoController } from './info/info.controller.js';
import { PrometheusController } from './info/prometheus.controller.js';
import { closeGracefully, type HasServer } from './shutdown/close-gracefully.js';
import { TracesController } from './traces/traces.controller.js';

/**
 * The management endpoints of a service below `/manage`: health, info, metrics, traces; and the
 * graceful close of its HTTP server in the phase `server`. Needs `ConfigModule` and
 * `ObservabilityModule`; reads `management`.
 */
@Module({})
export class ActuatorModule {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly lifecycle: Lifecycle,
    registry: HealthRegistry,
    liveness: Liveness,
    store: ConfigStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    const { maxEventLoopDelay } = store.namespace('management', managementSchema).health;
    registry.register(lifecycleHealth(lifecycle));
    registry.register(livenessHealth(liveness, maxEventLoopDelay));
  }

  /** Tracks requests from before the server listens. */
  onModuleInit(): void {
    const fastify = this.adapterHost.httpAdapter?.getInstance<HasServer>();
    if (fastify?.server === undefined) return;
    this.lifecycle.onStop('server', 'http', closeGracefully(fastify, { clock: this.clock }));
  }

  /** The module; once per app. */
  static forRoot(): DynamicModule {
    const reporter = {
      provide: HealthReporter,
      inject: [HealthRegistry, Lifecycle, HealthCheckService, HealthIndicatorService, ConfigStore],
      useFactory: (
        registry: HealthRegistry,
        lifecycle: Lifecycle,
        checks: HealthCheckService,
        indicators: HealthIndicatorService,
        store: ConfigStore,
      ) => {
        const { timeout, cache } = store.namespace('management', managementSchema).health;
        return new HealthReporter({
          registry,
          lifecycle,
          checks,
          indicators,
          timeoutMs: timeout,
          cacheMs: cache,
        });
      },
    };
    return {
      module: ActuatorModule,
      global: true,
      // Terminus would log every failed check of every probe.
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController, InfoController, PrometheusController, TracesController],
      providers: [Liveness, reporter],
      exports: [Liveness, HealthReporter],
    };
  }
}
