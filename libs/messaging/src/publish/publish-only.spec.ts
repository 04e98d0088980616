import type { INestApplication } from '@nestjs/common';
import { Lifecycle } from '@rookery/core';
import { KAFKA_DRIVER, type KafkaDriver } from '@rookery/kafka';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { readTopic, uniqueName } from '../testing/test-service.js';
import { TransportApps } from '../testing/transport-apps.js';
import { MessagePublisher } from './message-publisher.js';

const db = useDatabase();
const kafka = useKafka();
let topic: string;
let apps: TransportApps;

beforeEach(() => {
  topic = `${uniqueName()}.orders`;
  apps = new TransportApps(topic, { url: db.url, brokers: kafka.brokers, lines: [] });
});
afterEach(() => apps.stop());

const driverOf = (app: INestApplication) => app.get<KafkaDriver>(KAFKA_DRIVER);

describe('who only publishes', () => {
  it('K17: joins no group', async () => {
    const app = await apps.start([]);
    await app.get(MessagePublisher).publish(event(), { key: 'a' });
    expect(await readTopic(driverOf(app), topic, 1)).toHaveLength(1);
    expect(driverOf(app).consumers).toEqual([]);
  });

  it('K18: may do so before a broker was ever reached; nothing is lost', async () => {
    const app = await apps.create([]);
    await app.init();
    await app.get(MessagePublisher).publish(event(), { key: 'early' });
    await app.get(Lifecycle).start();
    const [record] = await readTopic(driverOf(app), topic, 1);
    expect(String(record?.value)).toBe('{"key":"early"}');
  });

  it('K19: hears of a failure, because publish is a promise and nothing else', async () => {
    const app = await apps.create([]);
    await app.init();
    const publisher = app.get(MessagePublisher);
    expect(publisher.publish(event(), { key: 'a' })).toBeInstanceOf(Promise);
    await expect(publisher.publish(event(), { key: '' })).rejects.toThrow(/key: "" is not allowed/);
    await expect(publisher.publish(event(), {} as never)).rejects.toThrow(/spec\.happened v1: key/);
  });

  function event() {
    return defineEvent('spec.happened', {
      topic,
      owner: 'spec',
      key: ({ key }) => key,
      versions: { 1: z.object({ key: z.string() }) },
    });
  }
});
