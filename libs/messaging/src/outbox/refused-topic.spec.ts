import { systemClock } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import { KafkaRequestError, MemoryKafkaDriver } from '@rookery/kafka';
import { useDatabase } from '@rookery/testing/database';
import { expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { until } from '../testing/test-service.js';
import { Outbox } from './outbox.js';
import { OutboxRelay } from './outbox-relay.js';

const db = useDatabase({ migrations: [messagingMigrations] });

it('goes on with other topics when one may not be created', async () => {
  const driver = new MemoryKafkaDriver();
  const admin = driver.admin();
  const log: string[] = [];
  const outbox = new Outbox(db.unitOfWork, () => relay.ring());
  const relay: OutboxRelay = new OutboxRelay(
    {
      host: db.unitOfWork,
      outbox,
      producer: driver.producer(),
      admin: {
        ...admin,
        ensureTopics: async (topics) => {
          if (topics.some(({ topic }) => topic === 'forbidden')) {
            throw new KafkaRequestError('create topics', new Error('TOPIC_AUTHORIZATION_FAILED'));
          }
          return admin.ensureTopics(topics);
        },
      },
      clock: systemClock,
      random: seededRandom(1),
      log: (level, message) => log.push(`${level}: ${message}`),
    },
    { batchSize: 100, busyPollMs: 5, idlePollMs: 250, topic: { partitions: 1 } },
  );
  await db.unitOfWork.run(async () => {
    for (const topic of ['forbidden', 'allowed']) await outbox.add({ topic, key: 'k', value: 'v' });
  });
  relay.start();
  try {
    await until(() => driver.broker.records('allowed').length === 1);
    expect(log[0]).toContain('topic forbidden refuses messages (TOPIC_AUTHORIZATION_FAILED)');
    expect((await outbox.backlog()).pending).toBe(1);
  } finally {
    await relay.stop(AbortSignal.timeout(1_000));
  }
});
