import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from 'prom-client';
import { MetricConflictError } from '../observability.errors.js';
import { LabelGuard } from './label-guard.js';
import { RuntimeMetrics } from './runtime.metrics.js';

/** Values of a metric's labels. */
export type Labels = Readonly<Record<string, string | number>>;

/** What every metric has. */
export interface MetricOptions {
  /** Prometheus name, with its unit: `orders_placed_total`, `payment_seconds`. */
  readonly name: string;
  readonly help: string;
  /** Names of the labels. Their values must be few: never an id, a raw path or a message. */
  readonly labels?: readonly string[];
}

/** A number that only grows. */
export interface Counter {
  /** Adds to the counter; default 1. */
  inc(labels?: Labels, value?: number): void;
}

/** A number that comes and goes. */
export interface Gauge {
  set(value: number): void;
  set(labels: Labels, value: number): void;
  inc(labels?: Labels, value?: number): void;
  dec(labels?: Labels, value?: number): void;
  /** Forgets the values of these labels. */
  remove(labels: Labels): void;
  /** Forgets all values. */
  reset(): void;
}

/** A distribution: how many observations fell into each bucket. */
export interface Histogram {
  observe(value: number): void;
  observe(labels: Labels, value: number): void;
}

/** Options of {@link Metrics.gauge}. */
export interface GaugeOptions extends MetricOptions {
  /** Called at each scrape, to set the value then. */
  readonly collect?: (gauge: Gauge) => void | Promise<void>;
}

/** Options of {@link Metrics.histogram}. */
export interface HistogramOptions extends MetricOptions {
  /** Upper bounds. Default: {@link DURATION_BUCKETS}, in seconds. */
  readonly buckets?: readonly number[];
}

/** Bounds for durations in seconds, 1 ms to 30 s. */
export const DURATION_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Options of {@link Metrics}. */
export interface MetricsOptions {
  readonly app: string;
  readonly instance: string;
  /** Distinct values per label, then `OTHER`. Default 200. */
  readonly maxLabelValues?: number;
  /** Also measure process and event loop. Default true. */
  readonly runtime?: boolean;
  /** Told once per label that has run out of values. */
  readonly onOverflow?: (metric: string, label: string) => void;
}

interface Registered {
  readonly kind: string;
  readonly labels: string;
  readonly handle: unknown;
  readonly collectors: ((gauge: Gauge) => void | Promise<void>)[];
}

/**
 * The metrics of one app, in a prom-client registry of its own. Asking for a metric that exists
 * returns it. A label with too many values goes on as `OTHER`, so that a mistake in one label cannot
 * fill the memory of the service and of Prometheus.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, Registered>();
  readonly #runtime: RuntimeMetrics | undefined;
  readonly #overflow: PromCounter;

  constructor(private readonly options: MetricsOptions) {
    this.#registry.setDefaultLabels({ application: options.app, instance: options.instance });
    this.#overflow = new PromCounter({
      name: 'rookery_metrics_label_overflow_total',
      help: 'Observations counted under OTHER because a label had too many values',
      labelNames: ['metric', 'label'],
      registers: [this.#registry],
    });
    this.#runtime = options.runtime === false ? undefined : new RuntimeMetrics(this);
  }

  /** Content type of {@link expose}: Prometheus text, version 0.0.4. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /**
   * The counter of that name, registered when new.
   *
   * @throws MetricConflictError when the name is taken by another kind or other labels
   */
  counter(options: MetricOptions): Counter {
    return this.#register('counter', options, (guard) => {
      const inner = new PromCounter({ ...this.#promOptions(options) });
      return {
        inc: (labels, value = 1) =>
          labels === undefined ? inner.inc(value) : inner.inc(guard(labels), value),
      } satisfies Counter;
    });
  }

  /**
   * The gauge of that name, registered when new. A further `collect` is called besides the first.
   *
   * @throws MetricConflictError when the name is taken by another kind or other labels
   */
  gauge(options: GaugeOptions): Gauge {
    const gauge = this.#register<Gauge>('gauge', options, (guard, collectors) => {
      const inner = new PromGauge({
        ...this.#promOptions(options),
        collect: async () => {
          for (const collect of collectors) await collect(handle);
        },
      });
      const handle: Gauge = {
        set: (labels: Labels | number, value?: number) =>
          typeof labels === 'number' ? inner.set(labels) : inner.set(guard(labels), value!),
        inc: (labels, value = 1) =>
          labels === undefined ? inner.inc(value) : inner.inc(guard(labels), value),
        dec: (labels, value = 1) =>
          labels === undefined ? inner.dec(value) : inner.dec(guard(labels), value),
        remove: (labels) => inner.remove(guard(labels)),
        reset: () => inner.reset(),
      };
      return handle;
    });
    if (options.collect !== undefined) {
      this.#metrics.get(options.name)!.collectors.push(options.collect);
    }
    return gauge;
  }

  /**
   * The histogram of that name, registered when new.
   *
   * @throws MetricConflictError when the name is taken by another kind or other labels
   */
  histogram(options: HistogramOptions): Histogram {
    return this.#register('histogram', options, (guard) => {
      const inner = new PromHistogram({
        ...this.#promOptions(options),
        buckets: [...(options.buckets ?? DURATION_BUCKETS)],
      });
      return {
        observe: (labels: Labels | number, value?: number) =>
          typeof labels === 'number' ? inner.observe(labels) : inner.observe(guard(labels), value!),
      } satisfies Histogram;
    });
  }

  /** All metrics as Prometheus scrapes them. */
  async expose(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Stops measuring and forgets all metrics. */
  close(): void {
    this.#runtime?.close();
    this.#registry.clear();
    this.#metrics.clear();
  }

  #promOptions({ name, help, labels = [] }: MetricOptions) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }

  #register<T>(
    kind: string,
    { name, labels = [] }: MetricOptions,
    create: (
      guard: (labels: Labels) => Record<string, string | number>,
      collectors: Registered['collectors'],
    ) => T,
  ): T {
    const labelKey = [...labels].sort().join(',');
    const known = this.#metrics.get(name);
    if (known !== undefined) {
      if (known.kind !== kind) throw new MetricConflictError(name, `as a ${known.kind}`);
      if (known.labels !== labelKey) {
        throw new MetricConflictError(name, `with the labels '${known.labels}'`);
      }
      return known.handle as T;
    }
    const guard = new LabelGuard(labels, this.options.maxLabelValues ?? 200, (label, first) => {
      this.#overflow.inc({ metric: name, label });
      if (first) this.options.onOverflow?.(name, label);
    });
    const collectors: Registered['collectors'] = [];
    const handle = create((values) => guard.check(values), collectors);
    this.#metrics.set(name, { kind, labels: labelKey, handle, collectors });
    return handle;
  }
}
