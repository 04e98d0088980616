import { Inject, Module, type DynamicModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { HealthRegistry, Lifecycle, type Clock } from '@rookery/core';
import { drainSchema, managementSchema } from './actuator.options.js';
import { isDevelopment } from './access/operator.js';
import { HealthReporter } from './health/report.health.js';
import { HealthController } from './health/health.controller.js';
import { Liveness } from './health/liveness.js';
import { lifecycleHealth, livenessHealth } from './health/process.health.js';
import { InfoController } from './info/info.controller.js';
import { PrometheusController } from './info/prometheus.controller.js';
import { trackResponses, type HasServer } from './shutdown/close-gracefully.js';
import { drain } from './shutdown/drain.js';
import { TracesController } from './traces/traces.controller.js';

/** Seconds that clients of discovery may still remember an instance that has left. */
const DRAIN_MS = 5_000;

/**
 * The management endpoints of a service below `/manage`: health, info, metrics, traces; and the
 * phase `drain` of its shutdown. Needs `ConfigModule` and `ObservabilityModule`; reads `management`
 * and `server.drainDelay` (default: 5 s, none in development).
 */
@Module({})
export class ActuatorModule {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    lifecycle: Lifecycle,
    registry: HealthRegistry,
    liveness: Liveness,
    store: ConfigStore,
    service: ServiceInfo,
    @Inject(CLOCK) clock: Clock,
  ) {
    const { maxEventLoopDelay } = store.namespace('management', managementSchema).health;
    registry.register(lifecycleHealth(lifecycle));
    registry.register(livenessHealth(liveness, maxEventLoopDelay));
    const { drainDelay } = store.namespace('server', drainSchema);
    const delayMs = drainDelay ?? (isDevelopment(service.profile) ? 0 : DRAIN_MS);
    if (delayMs > 0) lifecycle.onStop('drain', 'drain', drain(delayMs, clock));
  }

  /** Before the server listens, so that no response escapes. */
  onModuleInit(): void {
    const fastify = this.adapterHost.httpAdapter?.getInstance<HasServer>();
    if (fastify?.server !== undefined) trackResponses(fastify);
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
