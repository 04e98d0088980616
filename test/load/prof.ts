import { z } from 'zod';
import { systemClock, systemRandom } from '@rookery/core';
import { MemoryBroker, MemoryKafkaDriver } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { MessagingEngine, messagingOptions, defineEvent } from '@rookery/messaging';
import { MessageProbe } from '@rookery/messaging/testing';
const COUNT = Number(process.env.N ?? 100000);
const Placed = defineEvent('bench.placed', { topic: 'bench.consume', owner: 'bench', key: (d) => d.orderId,
  versions: { 1: z.object({ orderId: z.string(), customer: z.string(), total: z.string(), lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1) }) } });
const broker = new MemoryBroker();
const driver = new MemoryKafkaDriver({ broker });
await driver.admin().ensureTopics([{ topic: Placed.topic, partitions: 6 }]);
const probe = await MessageProbe.start({ driver, contracts: [Placed] });
await probe.stop();
const p2 = await MessageProbe.start({ driver, contracts: [] , topics: ['other']});
for (let n = 0; n < COUNT; n++) await p2.publish(Placed, { orderId: `order-${n % 500}`, customer: `c-${n}`, total: '12.50', lines: [{ sku: 'a', quantity: 1 }, { sku: 'b', quantity: 2 }] });
await p2.stop();
const never: any = () => { throw new Error('no database'); };
const host: any = { run: never, query: async () => ({ rows: [{pending:0, oldest:0}], rowCount: 0 }), active: false, afterCommit: never };
const engine = new MessagingEngine({ service: 'p', ...messagingOptions.parse({}) }, { host, driver, tracing: new Tracing({ app: 'p', instance: 'p-1' }), clock: systemClock, random: systemRandom, log: () => {}, listener: { onOutcome() {}, onDeadLetter() {}, onSent() {}, onFailure() {}, async measureLag() {} } as any });
let handled = 0; let t0 = 0;
await new Promise<void>((resolve) => {
  engine.runtime.subscribe({ consumer: 'bench', contracts: [Placed], effects: 'at-least-once', handle: async () => { if (handled++ === 0) t0 = performance.now(); if (handled === COUNT) resolve(); } });
  void engine.startConsumers(new AbortController().signal);
});
const ms = performance.now() - t0;
const cpu = process.cpuUsage();
console.log(`${((ms * 1000) / COUNT).toFixed(2)} us per message`, cpu.user/1000|0);
process.exit(0);
