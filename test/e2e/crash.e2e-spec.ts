import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../libs/cli/src/demo/demo.js';
import { ScratchWorkspace, type Platform } from './scratch-workspace.js';

let workspace: ScratchWorkspace;
let platform: Platform;

beforeAll(async () => {
  workspace = new ScratchWorkspace();
  platform = await workspace.up('--instances', 'orders=2,inventory=2');
});

afterAll(async () => {
  await platform.stop();
  await workspace.remove();
});

describe('with two instances of some services', () => {
  it('orders end as dealt', async () => {
    expect(platform.pids('orders')).toHaveLength(2);
    const report = await runDemo({ ...platform.shop(), orders: 50, print: () => {} });
    expect(report.findings).toEqual([]);
  });
});

describe.each([
  'orders',
  'inventory',
  'payments',
  'shipping',
  'api-gateway',
  'auth',
  'discovery',
  'config-server',
  'console',
  'kafka',
])('kill -9 of %s during the demo', (app) => {
  it('has it restarted, and every order still ends right', async () => {
    const [pid] = platform.pids(app);
    const demo = runDemo({
      ...platform.shop(),
      orders: 30,
      strict: false,
      patienceMs: 180_000,
      print: () => {},
    });
    await pause(1_000);
    process.kill(pid as number, 'SIGKILL');
    const report = await demo;
    expect(report.findings).toEqual([]);
    const rows = platform.state.processes.filter((row) => row.app === app);
    expect(rows.every(({ state }) => state === 'ready')).toBe(true);
    expect(platform.pids(app)).not.toContain(pid);
  });
});
