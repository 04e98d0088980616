import { systemClock } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import { afterEach, expect, it } from 'vitest';
import type { ConsumerListener, KafkaConsumer } from '../driver/kafka-driver.js';
import { KafkajsDriver } from './kafkajs.driver.js';

const SESSION_MS = 1_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function open(broker: EmbeddedKafka): KafkajsDriver {
  const driver = new KafkajsDriver(
    {
      brokers: broker.brokers,
      clientId: 'slow',
      heartbeatMs: 200,
      sessionTimeoutMs: SESSION_MS,
      maxWaitMs: 100,
    },
    { random: seededRandom(1) },
  );
  closing.push(() => driver.close());
  return driver;
}

it('stays a member while it finishes what is under way, longer than a session lasts', async () => {
  const broker = await EmbeddedKafka.start({ port: 0, minSessionTimeout: 500 });
  closing.push(() => broker.stop());
  const driver = open(broker);
  await driver.admin().ensureTopics([{ topic: 't', partitions: 1 }]);
  const at = { topic: 't', partition: 0 };
  let committed: unknown = 'not tried';
  let assigned: () => void = () => {};
  const owned = new Promise<void>((resolve) => (assigned = resolve));
  const first: KafkaConsumer = driver.consumer({ group: 'g', topics: ['t'] });
  const listener: ConsumerListener = {
    onAssigned: () => {},
    onRevoked: async () => {
      await systemClock.sleep(2.5 * SESSION_MS);
      committed = await first.commit([{ ...at, offset: 0 }]).then(
        () => 'committed',
        (error: unknown) => error,
      );
    },
    onRecords: () => {},
  };
  await first.start(listener);
  const second = open(broker).consumer({ group: 'g', topics: ['t'] });
  await second.start({
    onAssigned: () => assigned(),
    onRevoked: async () => {},
    onRecords: () => {},
  });
  await owned;
  expect(committed).toBe('committed');
});
