import {
  monitorEventLoopDelay,
  performance,
  PerformanceObserver,
  type EventLoopUtilization,
  type PerformanceEntry,
} from 'node:perf_hooks';
import type { Metrics } from './metrics.js';

const NS_PER_S = 1e9;
/** A coarse timer: it wakes the process 20 times a second and still shows what hurts. */
const RESOLUTION_MS = 50;
const GC_KINDS: Record<number, string> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' };

/**
 * Process, memory, event loop and garbage collection, under the names that prom-client and
 * Micrometer use, so that their dashboards work. Apps in one process each report the whole process.
 */
export class RuntimeMetrics {
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>;
  readonly #gc: PerformanceObserver;
  #utilization: EventLoopUtilization;
  #cpu = process.cpuUsage();
  #cpuAt = performance.now();

  constructor(metrics: Metrics) {
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delay.enable();
    this.#utilization = performance.eventLoopUtilization();
    this.#gc = observeGarbageCollection(metrics);
    this.#registerProcess(metrics);
    this.#registerEventLoop(metrics);
  }

  /** Stops the timer and the observer. */
  close(): void {
    this.#delay.disable();
    this.#gc.disconnect();
  }

  #registerProcess(metrics: Metrics): void {
    const started = Date.now() / 1000 - process.uptime();
    metrics
      .gauge({ name: 'process_start_time_seconds', help: 'Start of the process, since the epoch' })
      .set(started);
    metrics.gauge({
      name: 'process_uptime_seconds',
      help: 'Age of the process',
      collect: (gauge) => gauge.set(process.uptime()),
    });
    metrics.gauge({
      name: 'process_cpu_usage',
      help: 'Share of one core used since the last scrape',
      collect: (gauge) => gauge.set(this.#cpuShare()),
    });
    metrics.gauge({
      name: 'process_cpu_seconds',
      help: 'Processor time used, user and system',
      labels: ['mode'],
      collect: (gauge) => {
        const { user, system } = process.cpuUsage();
        gauge.set({ mode: 'user' }, user / 1e6);
        gauge.set({ mode: 'system' }, system / 1e6);
      },
    });
    const memory = metrics.gauge({
      name: 'nodejs_heap_size_used_bytes',
      help: 'Used heap',
      collect: () => {
        const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
        resident.set(rss);
        total.set(heapTotal);
        memory.set(heapUsed);
        outside.set(external);
      },
    });
    const resident = metrics.gauge({
      name: 'process_resident_memory_bytes',
      help: 'Resident memory',
    });
    const total = metrics.gauge({ name: 'nodejs_heap_size_total_bytes', help: 'Reserved heap' });
    const outside = metrics.gauge({
      name: 'nodejs_external_memory_bytes',
      help: 'Memory of objects bound to JavaScript ones',
    });
    metrics
      .gauge({ name: 'nodejs_version_info', help: 'Node.js version', labels: ['version'] })
      .set({ version: process.version }, 1);
  }

  #registerEventLoop(metrics: Metrics): void {
    const percentile = (name: string, p: number) =>
      metrics.gauge({
        name: `nodejs_eventloop_lag_${name}_seconds`,
        help: `Event loop delay since the last scrape, ${name}`,
        collect: (gauge) => gauge.set(this.#seconds(this.#delay.percentile(p))),
      });
    percentile('p50', 50);
    percentile('p90', 90);
    percentile('p99', 99);
    metrics.gauge({
      name: 'nodejs_eventloop_utilization',
      help: 'Share of time the event loop was busy since the last scrape',
      collect: (gauge) => {
        const now = performance.eventLoopUtilization();
        gauge.set(performance.eventLoopUtilization(now, this.#utilization).utilization);
        this.#utilization = now;
      },
    });
    metrics.gauge({
      name: 'nodejs_eventloop_lag_max_seconds',
      help: 'Longest event loop delay since the last scrape',
      // Registered last: it begins the next interval.
      collect: (gauge) => {
        gauge.set(this.#seconds(this.#delay.max));
        this.#delay.reset();
      },
    });
  }

  /** The monitor measures the distance of its ticks; the delay is what exceeds their period. */
  #seconds(nanoseconds: number): number {
    const delay = nanoseconds / NS_PER_S - RESOLUTION_MS / 1000;
    return Number.isFinite(delay) ? Math.max(0, delay) : 0;
  }

  #cpuShare(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = performance.now() - this.#cpuAt;
    this.#cpu = process.cpuUsage();
    this.#cpuAt = performance.now();
    return elapsedMs <= 0 ? 0 : (user + system) / 1000 / elapsedMs;
  }
}

function observeGarbageCollection(metrics: Metrics): PerformanceObserver {
  const pauses = metrics.histogram({
    name: 'nodejs_gc_duration_seconds',
    help: 'Garbage collection by kind',
    labels: ['kind'],
    buckets: [0.001, 0.01, 0.1, 1, 2, 5],
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as PerformanceEntry & { detail: { kind: number } }).detail;
      pauses.observe({ kind: GC_KINDS[kind] ?? 'other' }, entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return observer;
}
