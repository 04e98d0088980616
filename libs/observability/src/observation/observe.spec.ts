import { runInContext } from '@rookery/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../metrics/metrics.js';
import { runAsApp } from '../scope/app-scope.js';
import { registerTelemetry } from '../scope/app-telemetry.js';
import { metricSamples } from '../testing/metric-samples.js';
import { Tracing } from '../tracing/tracing.js';
import { observe } from './observe.js';
import { Observed } from './observed.decorator.js';

class OrderService {
  constructor(private readonly price: number) {}

  @Observed()
  async placeOrder(count: number): Promise<number> {
    await Promise.resolve();
    if (count > 10) throw new RangeError('too many');
    return count * this.price;
  }

  @Observed({ name: 'stock.check', low: { depot: 'north' } })
  check(): boolean {
    return true;
  }
}

function app(name: string) {
  const metrics = new Metrics({ app: name, instance: `${name}-1`, runtime: false });
  const tracing = new Tracing({ app: name, instance: `${name}-1`, ringSize: 100 });
  const unregister = registerTelemetry({ app: name, metrics, tracing });
  const value = async (sample: string) => (await metricSamples(metrics)).get(sample);
  return { metrics, tracing, unregister, value };
}

let orders: ReturnType<typeof app>;

beforeEach(() => {
  orders = app('orders');
});

afterEach(() => {
  orders.unregister();
  orders.metrics.close();
});

describe('observe', () => {
  it('makes one span and one timer, and passes the result on', async () => {
    const options = { low: { kind: 'web' }, high: { orderId: 'o-1' } };
    expect(await observe('orders.place', options, async () => 7)).toBe(7);
    expect(observe('orders.place', options, () => 8)).toBe(8);
    const spans = orders.tracing.ring!.traces(10).flat();
    expect(spans).toHaveLength(2);
    expect(spans[0]).toMatchObject({ name: 'orders.place', tags: { kind: 'web', orderId: 'o-1' } });
    expect(await orders.value('orders_place_seconds_count{error="none",kind="web"}')).toBe(2);
    expect(await orders.metrics.expose()).not.toContain('o-1');
  });

  it('counts what fails by its class, and passes the error on', async () => {
    const fail = () => Promise.reject(new TypeError('no'));
    await expect(observe('pay', {}, fail)).rejects.toThrow('no');
    expect(() =>
      observe('pay', {}, () => {
        throw new RangeError('far');
      }),
    ).toThrow('far');
    expect(await orders.value('pay_seconds_count{error="TypeError"}')).toBe(1);
    expect(await orders.value('pay_seconds_count{error="RangeError"}')).toBe(1);
    expect(await orders.value('pay_active')).toBe(0);
  });

  it('shows what runs', async () => {
    let release = (): void => {};
    const running = observe('pay', {}, () => new Promise<void>((resolve) => (release = resolve)));
    expect(await orders.value('pay_active')).toBe(1);
    release();
    await running;
    expect(await orders.value('pay_active')).toBe(0);
  });

  it('keeps the labels of its first use', async () => {
    observe('pay', { low: { card: 'visa' } }, () => {});
    observe('pay', { low: { bank: 'x' } }, () => {});
    expect(await orders.value('pay_seconds_count{card="visa",error="none"}')).toBe(1);
    expect(await orders.value('pay_seconds_count{card="none",error="none"}')).toBe(1);
  });

  it('belongs to the app that runs, when several share the process', async () => {
    const payments = app('payments');
    try {
      runInContext({ app: 'payments', correlationId: 'c' }, () => observe('work', {}, () => {}));
      await runAsApp('orders', async () => {
        await Promise.resolve();
        observe('work', {}, () => {});
        observe('work', {}, () => {});
      });
      expect(observe('work', {}, () => 'of nobody')).toBe('of nobody');
      expect(await orders.value('work_seconds_count{error="none"}')).toBe(2);
      expect(await payments.value('work_seconds_count{error="none"}')).toBe(1);
    } finally {
      payments.unregister();
      payments.metrics.close();
    }
  });
});

describe('@Observed', () => {
  it('observes a method under its own name, with its this and arguments', async () => {
    const service = new OrderService(3);
    expect(await service.placeOrder(4)).toBe(12);
    await expect(service.placeOrder(11)).rejects.toThrow('too many');
    expect(service.check()).toBe(true);
    expect(service.placeOrder.name).toBe('placeOrder');
    expect(await orders.value('order_service_place_order_seconds_count{error="none"}')).toBe(1);
    expect(await orders.value('order_service_place_order_seconds_count{error="RangeError"}')).toBe(
      1,
    );
    expect(await orders.value('stock_check_seconds_count{depot="north",error="none"}')).toBe(1);
  });
});
