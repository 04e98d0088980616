import { afterEach, expect, it } from 'vitest';
import { environmentOf, hostApps, isHosted, joinHost } from './environment.js';

afterEach(() => {
  delete (globalThis as Record<symbol, unknown>)[Symbol.for('rookery.host')];
});

it("is the process's environment, unless a host gave each app its own", () => {
  expect(environmentOf('orders')).toBe(process.env);
  expect(isHosted()).toBe(false);
  hostApps(new Map([['orders', { PORT: '1' }]]));
  expect(environmentOf('orders')).toEqual({ PORT: '1' });
  expect(environmentOf('unknown')).toBe(process.env);
  expect(isHosted()).toBe(true);
});

it('tells the host in which order its apps joined, and how each stops', async () => {
  const stopped: string[] = [];
  joinHost('nobody-hosts-me', async () => void stopped.push('nobody-hosts-me'));
  const running = hostApps(new Map([['orders', {}]]));
  for (const app of ['config-server', 'orders']) joinHost(app, async () => void stopped.push(app));
  for (const stop of [...running.values()].reverse()) await stop();
  expect(stopped).toEqual(['orders', 'config-server']);
});
