import { afterAll, beforeAll, expect, it } from 'vitest';
import { runDemo } from '../../libs/cli/src/demo/demo.js';
import { ScratchWorkspace, type Platform } from './scratch-workspace.js';

let workspace: ScratchWorkspace;
let platform: Platform;

beforeAll(async () => {
  workspace = new ScratchWorkspace();
  platform = await workspace.up('--one');
});

afterAll(() => workspace.remove());

it('runs all apps in one process, and orders end as dealt', async () => {
  const report = await runDemo({ ...platform.shop(), orders: 50, print: () => {} });
  expect(report.findings).toEqual([]);
  expect(new Set(platform.pids('orders'))).toEqual(new Set(platform.pids('payments')));
});

it('stops at one Ctrl-C and leaves no process', async () => {
  const { tookMs, left } = await platform.stop();
  expect(left).toEqual([]);
  expect(tookMs).toBeLessThan(5_000);
});
