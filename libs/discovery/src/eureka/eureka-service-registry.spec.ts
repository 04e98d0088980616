import { systemClock } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { serviceRegistryConformance } from '../testing/conformance.js';
import { EurekaServer } from '../testing/eureka-server.js';
import { EurekaClient } from './eureka-client.js';
import { EurekaServiceRegistry } from './eureka-service-registry.js';

const WAIT = { timeout: 10_000, interval: 10 };

async function open(change: object = {}, server?: EurekaServer) {
  const running = server ?? (await new EurekaServer().start());
  const client = new EurekaClient({ urls: [running.url], timeoutMs: 2_000 });
  const reports: string[] = [];
  const registry = new EurekaServiceRegistry({
    client,
    clock: systemClock,
    random: seededRandom(1),
    // Far away: a test that sees a change without asking sees it pushed.
    fetchIntervalMs: 600_000,
    push: false,
    graceMs: 400,
    report: (state) => reports.push(state),
    ...change,
  });
  const close = async (): Promise<void> => {
    registry.close();
    await client.close();
    await running.kill();
  };
  return { server: running, registry, reports, close };
}

async function setup(change: object = {}, prepare: (server: EurekaServer) => void = () => {}) {
  const server = await new EurekaServer().start();
  prepare(server);
  const parts = await open(change, server);
  onTestFinished(parts.close);
  await parts.registry.start();
  const ids = (service: string): string[] =>
    parts.registry.instances(service).map(({ instanceId }) => instanceId);
  return { ...parts, ids };
}

serviceRegistryConformance('EurekaServiceRegistry', async () => {
  const { server, registry, close } = await open();
  return {
    registry,
    set: (services) => {
      const wanted = new Map<string, { app: string; port: number }>(
        Object.entries(services).flatMap(([app, ports]) =>
          ports.map((port) => [`${app}:${port}`, { app, port }] as const),
        ),
      );
      for (const id of server.instances.keys()) if (!wanted.has(id)) server.remove(id);
      for (const [id, { app, port }] of wanted) {
        if (!server.instances.has(id)) server.put(app, id, port);
      }
    },
    close,
  };
});

describe('EurekaServiceRegistry', () => {
  it('fetches everything once, then what changed', async () => {
    const { server, registry, ids } = await setup({}, (each) => each.put('orders', 'a', 1));
    server.put('orders', 'b', 2);
    server.remove('a');
    await registry.refresh();
    expect(ids('orders')).toEqual(['b']);
    expect(server.requests).toEqual(['GET /apps', 'GET /apps/delta']);
  });

  it('fetches everything when a delta does not add up', async () => {
    const { server, registry, ids } = await setup();
    server.spoilsDeltas = true;
    server.put('orders', 'a', 1);
    await registry.refresh();
    expect(ids('orders')).toEqual(['a']);
    expect(server.requests).toEqual(['GET /apps', 'GET /apps/delta', 'GET /apps']);
  });

  it('does without deltas that the server refuses', async () => {
    const { server, registry, ids } = await setup({}, (each) => (each.refusesDeltas = true));
    await registry.refresh();
    server.put('orders', 'a', 1);
    await registry.refresh();
    expect(ids('orders')).toEqual(['a']);
    expect(server.requests).toEqual(['GET /apps', 'GET /apps/delta', 'GET /apps', 'GET /apps']);
  });

  it('follows at its interval when the server does not push', async () => {
    const { server, ids } = await setup({ fetchIntervalMs: 20, push: true });
    server.put('orders', 'a', 1);
    await vi.waitFor(() => expect(ids('orders')).toEqual(['a']), WAIT);
    expect(server.requests).toContain('GET /stream');
  });

  it('sees a pushed change at once', async () => {
    const { server, registry, ids } = await setup({ push: true }, (each) => (each.pushes = true));
    await vi.waitFor(() => expect(server.listeners).toBe(1), WAIT);
    const changed = new Promise<void>((resolve) => {
      registry.onChange(() => {
        if (ids('orders').includes('a')) resolve();
      });
    });
    server.put('orders', 'a', 1);
    await changed;
    expect(registry.freshness.state).toBe('fresh');
  });

  it('sees changes that come faster than it can fetch', async () => {
    const { server, ids } = await setup({ push: true }, (each) => (each.pushes = true));
    await vi.waitFor(() => expect(server.listeners).toBe(1), WAIT);
    for (let i = 0; i < 200; i++) server.put('orders', `i${i}`, 1_000 + i);
    await vi.waitFor(() => expect(ids('orders')).toHaveLength(200), WAIT);
    const fetches = server.requests.filter((each) => each.startsWith('GET /apps'));
    expect(fetches.length).toBeLessThan(100);
  });

  it('keeps the last view while the registry is away, and says so', async () => {
    const { server, registry, reports, ids } = await setup({ fetchIntervalMs: 50 }, (each) =>
      each.put('orders', 'a', 1),
    );
    await server.kill();
    await expect(registry.refresh()).rejects.toThrow('cannot be reached');
    expect(ids('orders')).toEqual(['a']);
    expect(registry.freshness).toMatchObject({ state: 'stale', confirmedAt: expect.any(Number) });
    await registry.refresh().catch(() => {});
    expect(reports).toEqual(['lost']);
    server.put('orders', 'b', 2);
    await server.start();
    await vi.waitFor(() => expect(ids('orders')).toEqual(['a', 'b']), WAIT);
    await vi.waitFor(() => expect(registry.freshness.state).toBe('fresh'), WAIT);
    expect(reports).toEqual(['lost', 'found']);
  });

  it('starts though the registry is away', async () => {
    const { server, registry, close } = await open({ fetchIntervalMs: 50 });
    onTestFinished(close);
    server.put('orders', 'a', 1);
    await server.kill();
    await registry.start();
    expect(registry.services()).toEqual([]);
    expect(registry.freshness.state).toBe('stale');
    await server.start();
    await vi.waitFor(() => expect(registry.services()).toEqual(['orders']), WAIT);
  });

  it('keeps instances that a restarted registry has not heard of yet, for a while', async () => {
    const { server, registry, ids } = await setup({ push: true }, (each) => {
      each.pushes = true;
      each.put('orders', 'a', 1);
      each.put('orders', 'b', 2);
    });
    await vi.waitFor(() => expect(server.listeners).toBe(1), WAIT);
    const restarted = new Promise<void>((resolve) => void registry.onRestart(resolve));
    await server.kill();
    server.forget();
    await server.start();
    await restarted;
    expect(ids('orders')).toEqual(['a', 'b']);
    server.put('orders', 'a', 1);
    server.put('orders', 'c', 3);
    await vi.waitFor(() => expect(ids('orders')).toEqual(['a', 'b', 'c']), WAIT);
    await vi.waitFor(() => expect(ids('orders')).toEqual(['a', 'c']), WAIT);
  });

  it('lets one that left a restarted registry go at once', async () => {
    const { server, registry, ids } = await setup({ push: true, graceMs: 600_000 }, (each) => {
      each.pushes = true;
      each.put('orders', 'a', 1);
    });
    await vi.waitFor(() => expect(server.listeners).toBe(1), WAIT);
    const restarted = new Promise<void>((resolve) => void registry.onRestart(resolve));
    await server.kill();
    server.forget();
    await server.start();
    await restarted;
    server.put('orders', 'a', 1);
    await registry.refresh();
    server.remove('a');
    await vi.waitFor(() => expect(ids('orders')).toEqual([]), WAIT);
  });

  it('asks nothing more once closed', async () => {
    const { server, registry } = await setup({ fetchIntervalMs: 20 });
    registry.close();
    await expect(registry.refresh()).rejects.toThrow('aborted');
    const { length } = server.requests;
    await vi.waitFor(() => expect(process.uptime()).toBeGreaterThan(0));
    expect(server.requests).toHaveLength(length);
  });
});
