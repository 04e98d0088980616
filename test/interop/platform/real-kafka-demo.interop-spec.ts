import { useKafka } from '@rookery/testing/kafka';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runDemo } from '../../../libs/cli/src/demo/demo.js';
import { ScratchWorkspace, type Platform } from '../../e2e/scratch-workspace.js';

const ofRun = inject('rookery:kafka');
const obstacle = 'missing' in ofRun ? `: ${ofRun.missing}` : '';

describe.skipIf(obstacle !== '')(`on a real Kafka${obstacle}`, () => {
  const kafka = useKafka();
  let workspace: ScratchWorkspace;
  let platform: Platform;

  beforeAll(async () => {
    workspace = new ScratchWorkspace();
    platform = await workspace.up('--kafka', kafka.brokers.join(','));
  });

  afterAll(async () => {
    await platform?.stop();
    await workspace?.remove();
  });

  it('orders of mixed fate end as dealt, and stock, money and shipments add up', async () => {
    const report = await runDemo({ ...platform.shop(), orders: 50, print: () => {} });
    expect(report.findings).toEqual([]);
    expect(platform.pids('kafka')).toEqual([]);
  });
});
