import { randomBytes } from 'node:crypto';
import { systemClock } from '@rookery/core';
import { seededRandom, settle, VirtualClock } from '@rookery/core/testing';
import { MemoryBroker, MemoryKafkaDriver, type IncomingRecord } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { beforeEach, describe, expect, it } from 'vitest';
import { noDelays } from '../testing/test-service.js';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { HEADER } from '../envelope/header-names.js';
import { reply } from '../handler/reply.js';
import { Inbox } from '../inbox/inbox.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { UnreadableRecordError } from '../messaging.errors.js';
import { Outbox } from '../outbox/outbox.js';
import { MessageWriter } from '../publish/message-writer.js';
import type { ConsumerHandler } from './consumer-handler.js';
import { Delivery } from './delivery.js';
import { GroupConsumer } from './group-consumer.js';
import { FailedMessages } from '../parking/failed-messages.js';
import { MessageProcessor } from './message-processor.js';
import { Slots } from './slots.js';

const db = useDatabase({ migrations: [messagingMigrations] });
const NEVER = new AbortController().signal;

const Done = defineReply('hostile.done', {
  owner: 'hostile',
  outcome: 'success',
  versions: { 1: z.object({}) },
});
const Do = defineCommand('hostile.do', {
  owner: 'hostile',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
  replies: [Done],
});
const Happened = defineEvent('hostile.happened', {
  topic: 'hostile.events',
  owner: 'hostile',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
});

const writer = (outbox: Outbox, maxMessageSize = 10_000): MessageWriter =>
  new MessageWriter({
    service: 'hostile',
    outbox,
    delayed: noDelays,
    tracing: new Tracing({ app: 'hostile', instance: 'hostile-1' }),
    clock: systemClock,
    maxMessageSize,
  });

function processor(): MessageProcessor {
  const outbox = new Outbox(db.unitOfWork, () => {});
  return new MessageProcessor({
    service: 'hostile',
    host: db.unitOfWork,
    inbox: new Inbox(db.unitOfWork),
    outbox,
    failures: new FailedMessages(db.unitOfWork),
    writer: writer(outbox),
    tracing: new Tracing({ app: 'hostile', instance: 'hostile-1' }),
    clock: systemClock,
    random: seededRandom(1),
    log: () => {},
    listener: { onOutcome: () => {}, onDeadLetter: () => {} },
  });
}

const handler: ConsumerHandler = {
  consumer: 'h',
  group: 'g',
  topics: [Do.topic],
  contracts: new Map([[Do.name, Do]]),
  retry: { attempts: 2, backoff: { initial: 1, max: 1, factor: 1 } },
  concurrency: 1,
  timeoutMs: 1_000,
  effects: 'once',
  ordered: true,
  onFailure: 'dead-letter',
  onStale: 'skip',
  handle: async () => reply(Done, {}),
};

function delivery(headers: Record<string, string>): Delivery {
  const all = { [HEADER.specVersion]: '1.0', [HEADER.id]: 'id-1', [HEADER.type]: Do.name };
  const record: IncomingRecord = {
    topic: Do.topic,
    partition: 0,
    offset: 7,
    key: Buffer.from('k'),
    value: Buffer.from('{"key":"k"}'),
    headers: Object.fromEntries(
      Object.entries({ ...all, ...headers }).map(([name, value]) => [name, Buffer.from(value)]),
    ),
    timestamp: 1,
  };
  return new Delivery(record, (name) => (name === Do.name ? Do : undefined));
}

/** Tries as the lane would; gives up after ten tries. */
async function settled(of: Delivery): Promise<boolean> {
  const progress = { attempts: 0, outages: 0 };
  for (let i = 0; i < 10; i += 1) {
    if ((await processor().process(handler, of, progress, NEVER)) === undefined) return true;
  }
  return false;
}

async function sentTo(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ topic: string }>('select topic from rookery_outbox');
  return rows.map(({ topic }) => topic);
}

beforeEach(() => db.clear());

describe('a record from somebody who means no good, or made a mistake', () => {
  it.each([
    ['an id longer than an index can hold', { [HEADER.id]: randomBytes(8_000).toString('base64') }],
    ['an id that is no text for the database', { [HEADER.id]: 'a\0b' }],
    ['a reply topic that no broker would make', { [HEADER.replyTo]: 'no topic!' }],
    ['an empty reply topic', { [HEADER.replyTo]: '' }],
    ['a reply topic that stands for a directory', { [HEADER.replyTo]: '..' }],
  ])('goes to the dead letters and holds up nobody: %s', async (_what, headers) => {
    expect(await settled(delivery(headers))).toBe(true);
    expect(await sentTo()).toEqual([`${Do.topic}.dlt`]);
  });

  it('is not lost when it names a type that is taken from another topic, or names it twice', async () => {
    const clock = new VirtualClock();
    const broker = new MemoryBroker();
    for (const topic of [Do.topic, Happened.topic]) broker.createTopic(topic, 1);
    const seen: string[] = [];
    const driver = new MemoryKafkaDriver({ broker, clock });
    const group = new GroupConsumer(
      {
        group: 'g',
        maxInFlight: 10,
        maxInFlightBytes: 100_000,
        commitIntervalMs: 10,
        drainMs: 10,
        unknownType: 'dead-letter',
      },
      {
        driver,
        // No handler here takes batches.
        batches: {} as never,
        processor: {
          process: async ({ consumer }) => void seen.push(`handled by ${consumer}`),
          unreadable: async (_group, each) => {
            const error = each.read();
            seen.push(error instanceof UnreadableRecordError ? error.reason : 'lost');
            return undefined;
          },
        },
        slots: new Slots(10),
        clock,
        log: () => {},
      },
      [
        handler,
        {
          ...handler,
          consumer: 'e',
          topics: [Happened.topic],
          contracts: new Map([[Happened.name, Happened]]),
        },
      ],
    );
    await group.start(NEVER);
    const headers = { [HEADER.specVersion]: '1.0', [HEADER.id]: 'i' };
    const record = { topic: Do.topic, key: 'k', value: '{"key":"k"}' };
    await driver.producer().send([
      { ...record, headers: { ...headers, [HEADER.type]: Happened.name } },
      { ...record, headers: { ...headers, [HEADER.type]: [Happened.name, Do.name] } },
    ]);
    await settle();
    expect(seen).toEqual(['unknown-type', 'handled by h']);
    const stopped = group.stop();
    await clock.advance(100);
    await stopped;
  });
});

describe('a message that is too large because of its headers', () => {
  it('is refused before it could block the outbox', async () => {
    const subject = writer(new Outbox(db.unitOfWork, () => {}), 1_000);
    const headers = { note: 'x'.repeat(2_000) };
    await expect(subject.publish(Happened, { key: 'k' }, { headers })).rejects.toMatchObject({
      code: 'RKY_MSG_TOO_LARGE',
    });
    expect(await sentTo()).toEqual([]);
  });
});
