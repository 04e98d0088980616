import { afterEach, describe, expect, it } from 'vitest';
import { MetricConflictError } from '../observability.errors.js';
import { metricSamples } from '../testing/metric-samples.js';
import { Metrics, type MetricsOptions } from './metrics.js';

const open: Metrics[] = [];

function metricsOf(options: Partial<MetricsOptions> = {}): Metrics {
  const metrics = new Metrics({ app: 'orders', instance: 'orders-1', runtime: false, ...options });
  open.push(metrics);
  return metrics;
}

afterEach(() => open.splice(0).forEach((metrics) => metrics.close()));

describe('metrics', () => {
  it('count, rise and fall, and distribute', async () => {
    const metrics = metricsOf();
    const placed = metrics.counter({ name: 'orders_placed_total', help: 'h', labels: ['kind'] });
    placed.inc({ kind: 'web' });
    placed.inc({ kind: 'web' }, 2);
    const waiting = metrics.gauge({ name: 'orders_waiting', help: 'h' });
    waiting.set(5);
    waiting.inc();
    waiting.dec(undefined, 2);
    const time = metrics.histogram({ name: 'pay_seconds', help: 'h', buckets: [0.1, 1] });
    time.observe(0.05);
    time.observe(0.5);
    expect(Object.fromEntries(await metricSamples(metrics))).toMatchObject({
      'orders_placed_total{kind="web"}': 3,
      orders_waiting: 4,
      'pay_seconds_bucket{le="0.1"}': 1,
      'pay_seconds_bucket{le="1"}': 2,
      'pay_seconds_bucket{le="+Inf"}': 2,
      pay_seconds_count: 2,
    });
  });

  it('carry application and instance', async () => {
    const metrics = metricsOf();
    metrics.counter({ name: 'c_total', help: 'h' }).inc();
    expect(await metrics.expose()).toContain('c_total{application="orders",instance="orders-1"} 1');
    expect(metrics.contentType).toContain('text/plain');
  });

  it('are the same when asked for again', async () => {
    const metrics = metricsOf();
    const options = { name: 'c_total', help: 'h', labels: ['a', 'b'] };
    metrics.counter(options).inc({ a: 'x', b: 'y' });
    metrics.counter({ ...options, labels: ['b', 'a'] }).inc({ a: 'x', b: 'y' });
    expect((await metricSamples(metrics)).get('c_total{a="x",b="y"}')).toBe(2);
  });

  it('refuse another kind or other labels under one name', () => {
    const metrics = metricsOf();
    metrics.counter({ name: 'c_total', help: 'h', labels: ['a'] });
    expect(() => metrics.gauge({ name: 'c_total', help: 'h', labels: ['a'] })).toThrow(
      MetricConflictError,
    );
    expect(() => metrics.counter({ name: 'c_total', help: 'h', labels: ['b'] })).toThrow(
      "metric 'c_total' exists already, with the labels 'a'",
    );
  });

  it('of two apps in a process do not meet', async () => {
    const [orders, payments] = [metricsOf(), metricsOf({ app: 'payments' })];
    orders.counter({ name: 'c_total', help: 'h' }).inc();
    payments.counter({ name: 'c_total', help: 'h' }).inc(undefined, 7);
    expect((await metricSamples(orders)).get('c_total')).toBe(1);
    expect((await metricSamples(payments)).get('c_total')).toBe(7);
  });

  it('ask every collector of a gauge when scraped', async () => {
    const metrics = metricsOf();
    const name = 'pool_connections';
    for (const [state, value] of [['idle', 3] as const, ['busy', 4] as const]) {
      metrics.gauge({
        name,
        help: 'h',
        labels: ['state'],
        collect: async (gauge) => {
          await Promise.resolve();
          gauge.set({ state }, value);
        },
      });
    }
    expect(Object.fromEntries(await metricSamples(metrics))).toMatchObject({
      'pool_connections{state="idle"}': 3,
      'pool_connections{state="busy"}': 4,
    });
  });
});

describe('a label with too many values', () => {
  it('goes on as OTHER, is counted, and is told once', async () => {
    const told: string[] = [];
    const metrics = metricsOf({ onOverflow: (metric, label) => told.push(`${metric}.${label}`) });
    const counter = metrics.counter({ name: 'c_total', help: 'h', labels: ['id', 'kind'] });
    for (let id = 0; id < 5_000; id++) counter.inc({ id: String(id), kind: 'a' });
    const all = await metricSamples(metrics);
    expect([...all.keys()].filter((key) => key.startsWith('c_total'))).toHaveLength(201);
    expect(all.get('c_total{id="OTHER",kind="a"}')).toBe(4_800);
    expect(all.get('c_total{id="199",kind="a"}')).toBe(1);
    expect(all.get('rookery_metrics_label_overflow_total{label="id",metric="c_total"}')).toBe(
      4_800,
    );
    expect(told).toEqual(['c_total.id']);
  });

  it('keeps the values it had', async () => {
    const metrics = metricsOf({ maxLabelValues: 1 });
    const gauge = metrics.gauge({ name: 'g', help: 'h', labels: ['id'] });
    gauge.set({ id: 'a' }, 1);
    gauge.set({ id: 'b' }, 2);
    gauge.set({ id: 'a' }, 3);
    gauge.remove({ id: 'b' });
    const all = await metricSamples(metrics);
    expect(all.get('g{id="a"}')).toBe(3);
    expect(all.has('g{id="OTHER"}')).toBe(false);
  });
});

describe('metrics of the process', () => {
  it('are there, and plausible', async () => {
    const metrics = metricsOf({ runtime: true });
    const all = await metricSamples(metrics);
    expect(all.get('process_resident_memory_bytes')).toBeGreaterThan(10e6);
    expect(all.get('process_uptime_seconds')).toBeGreaterThan(0);
    expect(all.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6);
    expect(all.get('process_cpu_seconds{mode="user"}')).toBeGreaterThan(0);
    expect(all.get(`nodejs_version_info{version="${process.version}"}`)).toBe(1);
    for (const name of ['p50', 'p90', 'p99', 'max']) {
      expect(all.get(`nodejs_eventloop_lag_${name}_seconds`)).toBeGreaterThanOrEqual(0);
    }
  });

  it('show an event loop that was blocked', async () => {
    const metrics = metricsOf({ runtime: true });
    let turn = 0;
    // The monitor must tick before and after: the loop runs freely between two polls.
    const blockOrRead = async (): Promise<number> => {
      if (turn++ % 2 === 0) return (await metricSamples(metrics)).get(name) ?? 0;
      const until = performance.now() + 250;
      while (performance.now() < until);
      return 0;
    };
    const name = 'nodejs_eventloop_lag_max_seconds';
    await expect.poll(blockOrRead, { timeout: 10_000, interval: 120 }).toBeGreaterThan(0.15);
    expect((await metricSamples(metrics)).get('nodejs_eventloop_utilization')).toBeLessThanOrEqual(
      1,
    );
  });
});
