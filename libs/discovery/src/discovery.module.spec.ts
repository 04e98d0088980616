import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { HealthRegistry, Lifecycle } from '@rookery/core';
import { Metrics, ObservabilityModule } from '@rookery/observability';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DiscoveryModule } from './discovery.module.js';
import { LoadBalancer } from './load-balancer/load-balancer.js';
import { Registration } from './registration/registration.js';
import { ServiceRegistry } from './registry/service-registry.js';
import { EurekaServer } from './testing/eureka-server.js';

const WAIT = { timeout: 10_000, interval: 10 };

let server: EurekaServer;
beforeEach(async () => {
  server = new EurekaServer();
  server.credentials = 'discovery:secret-of-the-registry';
  server.pushes = true;
  await server.start();
});
afterEach(() => server.kill());

async function start(app: string, discovery: object, environment = {}) {
  const values = { log: { level: 'fatal' }, rookery: { instance: `${app}-1` }, discovery };
  const store = ConfigStore.of(app, values, environment);
  const nest = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot(),
      DiscoveryModule.forRoot(),
    ],
  }).compile();
  await nest.init();
  const lifecycle = nest.get(Lifecycle);
  const stop = async (): Promise<void> => {
    await lifecycle.stop();
    await nest.close();
    store.close();
  };
  onTestFinished(stop);
  const listen = async (port: number): Promise<void> => {
    nest.get(Registration).announce('127.0.0.1', port);
    await lifecycle.start();
  };
  const health = async () => {
    const contributors = nest.get(HealthRegistry).contributors('ready');
    const contributor = contributors.find(({ name }) => name === 'discovery');
    return contributor!.check(new AbortController().signal);
  };
  return { nest, listen, stop, health };
}

describe('DiscoveryModule', () => {
  it('lets services find each other, and lets one that stops go', async () => {
    const orders = await start('orders', { url: server.url });
    const inventory = await start('inventory', { url: server.url });
    await orders.listen(8081);
    await inventory.listen(8082);
    const balancer = orders.nest.get(LoadBalancer);
    await vi.waitFor(() => expect(() => balancer.choose('inventory')).not.toThrow(), WAIT);
    expect(balancer.choose('inventory').instance).toMatchObject({
      instanceId: 'inventory-1',
      port: 8082,
      metadata: { profile: 'development' },
    });
    expect(await orders.health()).toMatchObject({
      status: 'up',
      details: { registration: 'registered', services: 2 },
    });
    await inventory.stop();
    expect(server.instances.has('inventory-1')).toBe(false);
    await vi.waitFor(
      () => expect(orders.nest.get(ServiceRegistry).services()).toEqual(['orders']),
      WAIT,
    );
  });

  it('runs on, degraded, while the registry is away, and comes back by itself', async () => {
    const orders = await start('orders', { url: server.url, fetchInterval: '100ms' });
    await orders.listen(8081);
    const registry = orders.nest.get(ServiceRegistry);
    await vi.waitFor(() => expect(registry.services()).toEqual(['orders']), WAIT);
    await server.kill();
    await vi.waitFor(
      async () => expect(await orders.health()).toMatchObject({ status: 'degraded' }),
      WAIT,
    );
    expect(registry.services()).toEqual(['orders']);
    expect(JSON.stringify(await orders.health())).not.toContain('secret-of-the-registry');
    server.forget();
    await server.start();
    // The restart is announced on the stream: the registration does not wait for its heartbeat.
    await vi.waitFor(() => expect(server.instances.has('orders-1')).toBe(true), WAIT);
    await vi.waitFor(
      async () => expect(await orders.health()).toMatchObject({ status: 'up' }),
      WAIT,
    );
  });

  it('uses fixed instances without a registry', async () => {
    const orders = await start('orders', { instances: { inventory: ['http://10.0.0.7:8082'] } });
    await orders.listen(8081);
    expect(orders.nest.get(LoadBalancer).choose('inventory').instance.host).toBe('10.0.0.7');
    expect(orders.nest.get(Registration).state).toBe('off');
    expect(await orders.health()).toMatchObject({ status: 'up' });
  });

  it('takes its address from the environment', async () => {
    const orders = await start('orders', {}, { DISCOVERY_URL: `${server.url}/` });
    await orders.listen(8081);
    expect(server.instances.has('orders-1')).toBe(true);
  });

  it.each([
    [{ url: 'ftp://registry' }, 'discovery.url'],
    [{ url: 'http://a', instances: { b: ['http://c'] } }, 'discovery.instances'],
    [{ heartbeat: '10ms' }, 'discovery.heartbeat'],
    [{ loadBalancer: { strategy: 'random' } }, 'discovery.loadBalancer.strategy'],
    [{ urls: 'http://a' }, 'urls: unknown option'],
  ])('refuses %j', async (discovery, message) => {
    await expect(start('orders', discovery)).rejects.toThrow(message);
  });

  it('counts what the load balancer does', async () => {
    const orders = await start('orders', { instances: { inventory: ['http://10.0.0.7:8082'] } });
    const balancer = orders.nest.get(LoadBalancer);
    balancer.choose('inventory').release('unreachable');
    balancer.choose('inventory');
    const text = await orders.nest.get(Metrics).expose();
    expect(text).toMatch(/loadbalancer_requests_active\{serviceId="inventory".*\} 1/);
    expect(text).toMatch(/loadbalancer_requests_unreachable_total\{serviceId="inventory".*\} 1/);
    expect(text).toMatch(/rookery_discovery_instances\{serviceId="inventory".*\} 1/);
  });
});
