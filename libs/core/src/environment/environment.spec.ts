import { afterEach, expect, it } from 'vitest';
import { environmentOf, hostApps, isHosted } from './environment.js';

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
