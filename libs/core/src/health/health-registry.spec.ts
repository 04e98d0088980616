import { expect, it } from 'vitest';
import { HealthRegistry } from './health-registry.js';

it('lists contributors by group, refuses a name twice, and forgets what is removed', () => {
  const registry = new HealthRegistry();
  const check = () => ({ status: 'up' as const });
  const remove = registry.register({ name: 'database', groups: ['ready'], check });
  registry.register({ name: 'event-loop', groups: ['live'], check });
  expect(registry.contributors('ready').map(({ name }) => name)).toEqual(['database']);
  expect(() => registry.register({ name: 'database', groups: [], check })).toThrow(/already/);
  remove();
  expect(registry.contributors().map(({ name }) => name)).toEqual(['event-loop']);
});
