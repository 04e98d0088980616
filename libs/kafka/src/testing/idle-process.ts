// idle-process <driver> <brokers> <ms> <parts>: a producer, or with <parts> `member` also a member of a
// group, at rest. Prints what they took, as JSON: CPU in milliseconds, and timers by sign of their delay.
import { randomUUID } from 'node:crypto';
import { KafkajsDriver } from '../kafkajs/kafkajs.driver.js';
import { PlatformaticDriver } from '../platformatic/platformatic.driver.js';
import { Member } from './member.js';

const [name = '', brokers = '', ms = '', parts = ''] = process.argv.slice(2);
const Driver = name === 'platformatic' ? PlatformaticDriver : KafkajsDriver;

const driver = new Driver({ brokers: brokers.split(','), clientId: 'idle' });
const topic = `idle-${randomUUID()}`;
const admin = driver.admin();
await admin.ensureTopics([{ topic, partitions: 3 }]);
await admin.close();
await driver.producer().send([{ topic, key: 'k', value: 'x' }]);
if (parts === 'member') {
  const member = await new Member(driver.consumer({ group: topic, topics: [topic] })).start();
  await member.until(() => member.records.length === 1);
}

// oxlint-disable-next-line no-restricted-globals
const set = globalThis.setTimeout;
const timers = { all: 0, negative: 0 };
let counting = false;
globalThis.setTimeout = Object.assign((...args: Parameters<typeof set>) => {
  if (counting) {
    timers.all += 1;
    if ((args[1] ?? 0) < 0) timers.negative += 1;
  }
  return set(...args);
}, set);

// What the start has left to do is not part of resting.
set(() => {
  const before = process.cpuUsage();
  counting = true;
  set(() => {
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(`${JSON.stringify({ cpuMs: (user + system) / 1_000, ...timers })}\n`);
    process.exit(0);
  }, Number(ms));
}, 3_000);
