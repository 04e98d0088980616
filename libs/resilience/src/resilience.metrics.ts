import type { Gauge, Metrics } from '@rookery/observability';
import type { CircuitStateName } from './circuit-breaker/circuit-state.js';
import type { ResilienceRegistry } from './registry/resilience-registry.js';

const STATES: readonly CircuitStateName[] = [
  'closed',
  'open',
  'half_open',
  'forced_open',
  'disabled',
  'metrics_only',
];

/**
 * Exposes the policies of a registry under Resilience4j's metric names. Values are read from the
 * policies when Prometheus asks: a call pays nothing for being measured. Prometheus therefore sees
 * the running totals declared as gauges; `rate()` and dashboards treat them alike.
 */
export function bindResilienceMetrics(registry: ResilienceRegistry, metrics: Metrics): void {
  bindCircuitBreakers(registry, metrics);
  const gauge = gauges(metrics);
  gauge('resilience4j_bulkhead_available_concurrent_calls', 'Free places', ['name'], (set) => {
    for (const { name, metrics: now } of registry.all('bulkhead')) set({ name }, now.available);
  });
  gauge('resilience4j_bulkhead_max_allowed_concurrent_calls', 'All places', ['name'], (set) => {
    for (const { name, metrics: now } of registry.all('bulkhead')) set({ name }, now.maxConcurrent);
  });
  gauge('resilience4j_bulkhead_queue_depth', 'Calls that wait for a place', ['name'], (set) => {
    for (const { name, metrics: now } of registry.all('bulkhead')) set({ name }, now.queued);
  });
  gauge('resilience4j_bulkhead_rejected_calls_total', 'Calls refused', ['name'], (set) => {
    for (const { name, metrics: now } of registry.all('bulkhead')) set({ name }, now.rejected);
  });
  gauge('resilience4j_retry_calls_total', 'Calls by their end', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of registry.all('retry')) {
      set({ name, kind: 'successful_without_retry' }, now.successfulWithoutRetry);
      set({ name, kind: 'successful_with_retry' }, now.successfulWithRetry);
      set({ name, kind: 'failed_without_retry' }, now.failedWithoutRetry);
      set({ name, kind: 'failed_with_retry' }, now.failedWithRetry);
    }
  });
  gauge('resilience4j_timelimiter_calls_total', 'Calls by their end', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of registry.all('timeout')) {
      set({ name, kind: 'successful' }, now.successful);
      set({ name, kind: 'failed' }, now.failed);
      set({ name, kind: 'timeout' }, now.timedOut);
    }
  });
}

function bindCircuitBreakers(registry: ResilienceRegistry, metrics: Metrics): void {
  const gauge = gauges(metrics);
  const breakers = () => registry.all('circuit-breaker');
  const prefix = 'resilience4j_circuitbreaker';
  gauge(`${prefix}_state`, 'Whether the breaker is in that state', ['name', 'state'], (set) => {
    for (const { name, state } of breakers()) {
      for (const each of STATES) set({ name, state: each }, each === state ? 1 : 0);
    }
  });
  gauge(`${prefix}_failure_rate`, 'Percentage, -1 while unknown', ['name'], (set) => {
    for (const { name, metrics: now } of breakers()) set({ name }, now.failureRate);
  });
  gauge(`${prefix}_slow_call_rate`, 'Percentage, -1 while unknown', ['name'], (set) => {
    for (const { name, metrics: now } of breakers()) set({ name }, now.slowCallRate);
  });
  gauge(`${prefix}_buffered_calls`, 'Calls in the window', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of breakers()) {
      set({ name, kind: 'successful' }, now.bufferedCalls - now.bufferedFailures);
      set({ name, kind: 'failed' }, now.bufferedFailures);
    }
  });
  gauge(`${prefix}_slow_calls`, 'Slow calls in the window', ['name'], (set) => {
    for (const { name, metrics: now } of breakers()) set({ name }, now.bufferedSlowCalls);
  });
  gauge(`${prefix}_not_permitted_calls_total`, 'Calls refused', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of breakers()) {
      set({ name, kind: 'not_permitted' }, now.notPermitted);
    }
  });
  const calls = `${prefix}_calls_seconds`;
  gauge(`${calls}_count`, 'Calls by their end', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of breakers()) {
      set({ name, kind: 'successful' }, now.successful.calls);
      set({ name, kind: 'failed' }, now.failed.calls);
      set({ name, kind: 'ignored' }, now.ignored);
    }
  });
  gauge(`${calls}_sum`, 'Seconds that calls took', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of breakers()) {
      set({ name, kind: 'successful' }, now.successful.seconds);
      set({ name, kind: 'failed' }, now.failed.seconds);
    }
  });
  gauge(`${calls}_max`, 'Longest call in seconds', ['name', 'kind'], (set) => {
    for (const { name, metrics: now } of breakers()) {
      set({ name, kind: 'successful' }, now.successful.maxSeconds);
      set({ name, kind: 'failed' }, now.failed.maxSeconds);
    }
  });
}

type Fill = (set: (labels: Record<string, string>, value: number) => void) => void;

function gauges(metrics: Metrics) {
  return (name: string, help: string, labels: readonly string[], fill: Fill): void => {
    metrics.gauge({
      name,
      help,
      labels,
      collect: (gauge: Gauge) => fill((values, value) => gauge.set(values, value)),
    });
  };
}
