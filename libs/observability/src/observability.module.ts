import { Inject, Module, type DynamicModule } from '@nestjs/common';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { Lifecycle, type Clock } from '@rookery/core';
import type { Logger } from 'pino';
import { createLogger } from './logging/create-logger.js';
import { LOGGER, nestPinoModule } from './logging/nest-pino.module.js';
import { Metrics } from './metrics/metrics.js';
import { logSchema, metricsSchema, tracingSchema } from './observability.options.js';
import { registerTelemetry } from './scope/app-telemetry.js';
import { reporterMetrics } from './tracing/reporter.metrics.js';
import { Tracing } from './tracing/tracing.js';

/** Options of {@link ObservabilityModule.forRoot}. */
export interface ObservabilityOptions {
  /** The logger made before Nest started. Default: one made from configuration `log`. */
  readonly logger?: Logger;
  /** Processors of OpenTelemetry for exporters other than Zipkin. */
  readonly spanProcessors?: readonly SpanProcessor[];
}

/**
 * Logs, traces and metrics of an app, for all its modules. Needs `ConfigModule`; reads `log`,
 * `tracing` and `metrics`.
 */
@Module({})
export class ObservabilityModule {
  constructor(
    @Inject(LOGGER) logger: Logger,
    private readonly store: ConfigStore,
    service: ServiceInfo,
    metrics: Metrics,
    tracing: Tracing,
    lifecycle: Lifecycle,
  ) {
    const log = store.ref('log', logSchema);
    logger.level = log.value.level;
    const stopListening = log.onChange(() => void (logger.level = log.value.level));
    const unregister = registerTelemetry({ app: service.name, tracing, metrics });
    lifecycle.onStop('telemetry', 'observability', async (signal) => {
      stopListening();
      await tracing.close(signal);
      metrics.close();
      unregister();
      await new Promise<void>((resolve) => logger.flush(() => resolve()));
    });
  }

  /** Provides {@link Metrics}, {@link Tracing}, `LOGGER` and nestjs-pino's loggers, globally. */
  static forRoot(options: ObservabilityOptions = {}): DynamicModule {
    const providers = [
      {
        provide: LOGGER,
        inject: [ConfigStore, ServiceInfo],
        useFactory: (store: ConfigStore, service: ServiceInfo) =>
          options.logger ?? loggerFor(store, service),
      },
      {
        provide: Metrics,
        inject: [ConfigStore, ServiceInfo, LOGGER],
        useFactory: metricsFor,
      },
      {
        provide: Tracing,
        inject: [ConfigStore, ServiceInfo, LOGGER, CLOCK, Metrics],
        useFactory: (
          store: ConfigStore,
          service: ServiceInfo,
          logger: Logger,
          clock: Clock,
          metrics: Metrics,
        ) => tracingFor(store, service, logger, clock, metrics, options),
      },
    ];
    return {
      module: ObservabilityModule,
      global: true,
      imports: [nestPinoModule()],
      providers,
      exports: [LOGGER, Metrics, Tracing],
    };
  }
}

/** The logger of a service as its configuration `log` wants it; usable before Nest starts. */
export function loggerFor(
  store: ConfigStore,
  service: Pick<ServiceInfo, 'name' | 'instance' | 'version' | 'profile'>,
): Logger {
  const { level, format } = store.namespace('log', logSchema);
  return createLogger({
    app: service.name,
    instance: service.instance,
    version: service.version,
    profile: service.profile,
    level,
    format,
  });
}

function metricsFor(store: ConfigStore, service: ServiceInfo, logger: Logger): Metrics {
  const { runtime, maxLabelValues } = store.namespace('metrics', metricsSchema);
  return new Metrics({
    app: service.name,
    instance: service.instance,
    runtime,
    maxLabelValues,
    onOverflow: (metric, label) =>
      logger.warn(
        { context: 'Metrics', metric, label },
        `label '${label}' of ${metric} has more than ${maxLabelValues} values; the rest is OTHER`,
      ),
  });
}

function tracingFor(
  store: ConfigStore,
  service: ServiceInfo,
  logger: Logger,
  clock: Clock,
  metrics: Metrics,
  { spanProcessors = [] }: ObservabilityOptions,
): Tracing {
  const { sampling, zipkin, ring } = store.namespace('tracing', tracingSchema);
  const development = service.profile === 'development';
  const { endpoint, timeout, interval, maxQueued } = zipkin;
  const tracing = new Tracing({
    app: service.name,
    instance: service.instance,
    version: service.version,
    sampling: sampling ?? (development ? 1 : 0.1),
    ringSize: (ring.enabled ?? development) ? ring.size : 0,
    ...(endpoint === undefined
      ? {}
      : { zipkin: { endpoint, timeoutMs: timeout, intervalMs: interval, maxQueued } }),
    spanProcessors,
    clock,
    onSinkStateChange: (error) =>
      error === undefined
        ? logger.info({ context: 'Tracing' }, 'spans are sent again')
        : logger.warn(
            { context: 'Tracing' },
            `spans cannot be sent to ${endpoint}: ${error.message}; they are dropped until it works`,
          ),
  });
  if (tracing.reporter !== undefined) reporterMetrics(metrics, tracing.reporter);
  return tracing;
}
