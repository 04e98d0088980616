import { systemClock, systemRandom } from '@rookery/core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Registration } from '../registration/registration.js';
import { EurekaClient } from './eureka-client.js';
import { EurekaServiceRegistry } from './eureka-service-registry.js';

const url = process.env['EUREKA_URL'];
const WAIT = { timeout: 60_000, interval: 100 };

/**
 * Against a registry that others wrote: `EUREKA_URL=http://127.0.0.1:8761/eureka npx vitest run
 * real-eureka`. Passed with Spring Cloud Netflix 5.0.2 (Eureka 2.0.6).
 */
describe.skipIf(url === undefined)('a real Eureka server', () => {
  async function start(serviceId: string) {
    const client = new EurekaClient({ urls: [url!], timeoutMs: 5_000 });
    const common = { clock: systemClock, random: systemRandom, report: () => {} };
    const registry = new EurekaServiceRegistry({
      ...common,
      client,
      fetchIntervalMs: 500,
      push: true,
      graceMs: 3_000,
    });
    const registration = new Registration({
      ...common,
      registrar: client,
      serviceId,
      instanceId: `${serviceId}-1`,
      secure: false,
      metadata: { zone: 'a' },
      heartbeatMs: 1_000,
      leaseMs: 3_000,
    });
    onTestFinished(async () => {
      registry.close();
      await client.close();
    });
    registration.announce('127.0.0.1', 8081);
    await registration.start();
    await registry.start();
    return { client, registry, registration };
  }

  it('registers, lists, renews and lets go', { timeout: 180_000 }, async () => {
    const orders = await start('rookery-orders');
    const stock = await start('rookery-stock');
    expect(orders.registration.state).toBe('registered');
    const services = (): readonly string[] => orders.registry.services();
    await vi.waitFor(() => expect(services()).toContain('rookery-stock'), WAIT);
    expect(orders.registry.instances('rookery-stock')).toMatchObject([
      { instanceId: 'rookery-stock-1', port: 8081, status: 'UP', metadata: { zone: 'a' } },
    ]);
    await stock.registration.renewNow();
    expect(stock.registration.state).toBe('registered');
    await stock.registration.stop();
    await vi.waitFor(() => expect(services()).not.toContain('rookery-stock'), WAIT);
    await orders.registration.stop();
  });
});
