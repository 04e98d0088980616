import { INVALID_SPAN_CONTEXT, trace, type Span } from '@opentelemetry/api';
import { exceptionOf } from '../http/outcome.js';
import type { Gauge, Histogram, Metrics } from '../metrics/metrics.js';
import { currentTelemetry } from '../scope/app-telemetry.js';
import type { TraceKind } from '../tracing/tracing.js';

/** What describes an observation. */
export interface ObserveOptions {
  /** Facts with few values: labels of the metric and attributes of the span. */
  readonly low?: Readonly<Record<string, string>>;
  /** Facts with many values, such as ids: attributes of the span only. */
  readonly high?: Readonly<Record<string, string | number | boolean>>;
  /** Default `internal`. */
  readonly kind?: TraceKind;
}

interface Meters {
  readonly labels: readonly string[];
  readonly timer: Histogram;
  readonly active: Gauge;
}

const meters = new WeakMap<Metrics, Map<string, Meters>>();

/**
 * Observes `fn` once for all: a span `name`, a timer `<name>_seconds` with the low-cardinality facts
 * and `error`, and a gauge `<name>_active`; dots and dashes of the name become underscores. What
 * `fn` returns or throws is passed on. Belongs to the app that runs; outside of any, it only runs
 * `fn`.
 *
 * The labels of the timer are those of the first observation of that name; later ones with other
 * keys keep these labels (`none` where one is missing).
 *
 * @throws MetricConflictError when a metric of another kind has one of these names
 */
export function observe<T>(
  name: string,
  { low = {}, high = {}, kind = 'internal' }: ObserveOptions,
  fn: (span: Span) => T,
): T {
  const telemetry = currentTelemetry();
  if (telemetry === undefined) return fn(trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  const { tracing, metrics } = telemetry;
  const { labels, timer, active } = metersOf(metrics, name, Object.keys(low));
  const startedAt = performance.now();
  const finish = (error?: unknown): void => {
    active.dec();
    const values: Record<string, string> = { error: exceptionOf(error) };
    for (const label of labels) values[label] = low[label] ?? 'none';
    timer.observe(values, (performance.now() - startedAt) / 1000);
  };
  active.inc();
  let result: T;
  try {
    result = tracing.run(name, { kind, attributes: { ...low, ...high } }, fn);
  } catch (error) {
    finish(error);
    throw error;
  }
  if (typeof (result as { then?: unknown } | undefined)?.then !== 'function') {
    finish();
    return result;
  }
  return (result as PromiseLike<unknown> & T).then(
    (value) => {
      finish();
      return value;
    },
    (error: unknown) => {
      finish(error);
      throw error;
    },
  ) as T;
}

function metersOf(metrics: Metrics, name: string, lowKeys: readonly string[]): Meters {
  let byName = meters.get(metrics);
  if (byName === undefined) meters.set(metrics, (byName = new Map<string, Meters>()));
  const known = byName.get(name);
  if (known !== undefined) return known;
  const base = name.replace(/[^A-Za-z0-9_]/g, '_');
  const labels = lowKeys.filter((key) => key !== 'error');
  const made: Meters = {
    labels,
    timer: metrics.histogram({
      name: `${base}_seconds`,
      help: `Duration of ${name}`,
      labels: [...labels, 'error'],
    }),
    active: metrics.gauge({ name: `${base}_active`, help: `Running ${name}` }),
  };
  byName.set(name, made);
  return made;
}
