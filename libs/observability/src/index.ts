export {
  ObservabilityModule,
  loggerFor,
  type ObservabilityOptions,
} from './observability.module.js';
export {
  logSchema,
  metricsSchema,
  tracingSchema,
  type LogConfig,
  type MetricsConfig,
  type TracingConfig,
} from './observability.options.js';
export { MetricConflictError } from './observability.errors.js';
export {
  createLogger,
  LOG_FORMATS,
  LOG_LEVELS,
  type LoggerOptions,
} from './logging/create-logger.js';
export { fastifyLogging, type FastifyLogging } from './logging/fastify-logging.js';
export { LOGGER, nestLogger } from './logging/nest-pino.module.js';
export { isSecretKey, redact, REDACTED, scrub } from './logging/redact.js';
export {
  DURATION_BUCKETS,
  Metrics,
  type Counter,
  type Gauge,
  type GaugeOptions,
  type Histogram,
  type HistogramOptions,
  type Labels,
  type MetricOptions,
  type MetricsOptions,
} from './metrics/metrics.js';
export {
  currentTraceId,
  Tracing,
  type SpanOptions,
  type StartedSpan,
  type TraceCarrier,
  type TraceKind,
  type TracingOptions,
} from './tracing/tracing.js';
export type { CarrierHeaders } from './tracing/propagation.js';
export type { SpanRing } from './tracing/span-ring.js';
export type { ZipkinEndpoint, ZipkinSpan } from './tracing/zipkin-span.js';
export type { ZipkinReporter, ZipkinReporterTotals } from './tracing/zipkin-reporter.js';
export {
  instrumentFastify,
  isProbe,
  nameRoute,
  noteError,
  type FastifyInstrumentation,
} from './http/instrument-fastify.js';
export {
  traceClientCall,
  type CallResponse,
  type ClientCall,
  type ClientInstrumentation,
} from './http/client-call.js';
export { CORRELATION_HEADER, outgoingHeaders, TIMEOUT_HEADER } from './http/http-headers.js';
export { observe, type ObserveOptions } from './observation/observe.js';
export { Observed, type ObservedOptions } from './observation/observed.decorator.js';
export { currentApp, runAsApp } from './scope/app-scope.js';
export type { Logger } from 'pino';
export type { Span } from '@opentelemetry/api';
export { InjectPinoLogger, PinoLogger } from 'nestjs-pino';
