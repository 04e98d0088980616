import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../../libs/cli/src/demo/demo.js';
import { ScratchWorkspace, type Platform } from '../../e2e/scratch-workspace.js';
import { RealKafka, whyNoRealKafka } from '../real-kafka/real-kafka.js';

const obstacle = await whyNoRealKafka();

describe.skipIf(obstacle !== undefined)(`on a real Kafka${obstacle ? `: ${obstacle}` : ''}`, () => {
  let kafka: RealKafka;
  let workspace: ScratchWorkspace;
  let platform: Platform;

  beforeAll(async () => {
    kafka = await RealKafka.start();
    workspace = new ScratchWorkspace();
    platform = await workspace.up('--kafka', kafka.brokers.join(','));
  });

  afterAll(async () => {
    await platform?.stop();
    await workspace?.remove();
    await kafka?.stop();
  });

  it('orders of mixed fate end as dealt, and stock, money and shipments add up', async () => {
    const report = await runDemo({ ...platform.shop(), orders: 50, print: () => {} });
    expect(report.findings).toEqual([]);
    expect(platform.pids('kafka')).toEqual([]);
  });
});
