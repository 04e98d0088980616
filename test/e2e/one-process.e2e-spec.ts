import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../libs/cli/src/demo/demo.js';
import { ScratchWorkspace, type Platform } from './scratch-workspace.js';

describe.each(['kafkajs', 'platformatic'])('with the driver %s', (driver) => {
  let workspace: ScratchWorkspace;
  let platform: Platform;

  beforeAll(async () => {
    workspace = new ScratchWorkspace();
    // As a team would choose it for all its services.
    appendFileSync(join(workspace.root, 'config/application.yml'), `kafka:\n  driver: ${driver}\n`);
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
});
