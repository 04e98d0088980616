import { describe, expect, it } from 'vitest';
import type { RookeryFile } from './rookery-file.js';
import { planStart } from './start-plan.js';

type Waits = Readonly<Record<string, { dependsOn?: string[]; after?: string[] }>>;

function file(apps: Waits): RookeryFile {
  const entries = Object.entries(apps).map(([name, { dependsOn = [], after = [] }], index) => [
    name,
    { port: index + 1, dependsOn, after, scopes: [], calls: [], database: false, kafka: false },
  ]);
  return { apps: Object.fromEntries(entries) } as RookeryFile;
}

const shop = file({
  console: { dependsOn: ['config'], after: ['*', 'gateway'] },
  gateway: { dependsOn: ['config', 'auth'], after: ['*'] },
  orders: { dependsOn: ['config', 'auth'] },
  auth: { dependsOn: ['config'] },
  config: {},
});

describe('the plan of a start', () => {
  it('puts every app after all it waits for', () => {
    const plan = planStart(shop);
    expect(plan.map(({ app }) => app)).toEqual(['config', 'auth', 'orders', 'gateway', 'console']);
    for (const [index, { waitsFor }] of plan.entries()) {
      const before = plan.slice(0, index).map(({ app }) => app);
      expect(before).toEqual(expect.arrayContaining([...waitsFor]));
    }
  });

  it('lets * stand for all apps that do not say * themselves', () => {
    const gateway = planStart(shop).find(({ app }) => app === 'gateway');
    expect([...(gateway?.waitsFor ?? [])].sort()).toEqual(['auth', 'config', 'orders']);
  });

  it('brings along what the chosen apps depend on, but not what they merely come after', () => {
    expect(planStart(shop, { only: ['gateway'] })).toEqual([
      { app: 'config', instances: ['config-1'], waitsFor: [] },
      { app: 'auth', instances: ['auth-1'], waitsFor: ['config'] },
      { app: 'gateway', instances: ['gateway-1'], waitsFor: ['config', 'auth'] },
    ]);
  });

  it('names the instances of an app', () => {
    const plan = planStart(shop, { only: ['config'], instances: new Map([['config', 3]]) });
    expect(plan[0]?.instances).toEqual(['config-1', 'config-2', 'config-3']);
  });

  it('refuses an unknown app and apps that wait for each other', () => {
    expect(() => planStart(shop, { only: ['order'] })).toThrow(/^unknown app order: use one of/);
    expect(() => planStart(shop, { instances: new Map([['x', 1]]) })).toThrow(/unknown app x/);
    const circle = file({ a: { dependsOn: ['b'] }, b: { after: ['c'] }, c: { dependsOn: ['a'] } });
    expect(() => planStart(circle)).toThrow(/a -> b -> c -> a wait for each other/);
  });
});
