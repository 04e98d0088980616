import { systemClock } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import type { IncomingRecord } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { beforeEach, describe, expect, it } from 'vitest';
import { noDelays } from '../testing/test-service.js';
import { z } from 'zod';
import type { MessageContract } from '../contract/contract.js';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { DEAD_LETTER_HEADER, HEADER } from '../envelope/header-names.js';
import { reply } from '../handler/reply.js';
import { Inbox } from '../inbox/inbox.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { Outbox } from '../outbox/outbox.js';
import { MessageWriter } from '../publish/message-writer.js';
import type { ConsumerHandler } from './consumer-handler.js';
import { Delivery } from './delivery.js';
import { FailedMessages } from '../parking/failed-messages.js';
import { MessageProcessor } from './message-processor.js';

const db = useDatabase({ migrations: [messagingMigrations] });
const NEVER = new AbortController().signal;

const V1 = z.object({ n: z.int() });
const done = { owner: 'again', outcome: 'success' } as const;
const Done = defineReply('again.done', { ...done, versions: { 1: V1 } });
/** As a later release has it. */
const DoneV2 = defineReply('again.done', {
  ...done,
  versions: { 1: V1, 2: V1.extend({ unit: z.string() }) },
  upcast: { 1: (v1) => ({ ...v1, unit: 'piece' }) },
});
const doing = {
  owner: 'again',
  key: (data: { key: string }) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
};
const Do = defineCommand('again.do', { ...doing, replies: [Done] });
const DoV2 = defineCommand('again.do', { ...doing, replies: [DoneV2] });
const Happened = defineEvent('again.happened', { ...doing, topic: 'again.events' });

let handled: number;
let outcomes: string[];
let fails: boolean;

beforeEach(async () => {
  await db.clear();
  handled = 0;
  outcomes = [];
  fails = false;
});

function processor(): MessageProcessor {
  const outbox = new Outbox(db.unitOfWork, () => {});
  const tracing = new Tracing({ app: 'again', instance: 'again-1' });
  return new MessageProcessor({
    service: 'again',
    host: db.unitOfWork,
    inbox: new Inbox(db.unitOfWork),
    outbox,
    failures: new FailedMessages(db.unitOfWork),
    writer: new MessageWriter({
      service: 'again',
      outbox,
      delayed: noDelays,
      tracing,
      clock: systemClock,
      maxMessageSize: 10_000,
    }),
    tracing,
    clock: systemClock,
    random: seededRandom(1),
    log: () => {},
    listener: {
      onOutcome: (_consumer, outcome) => outcomes.push(outcome),
      onDeadLetter: () => {},
    },
  });
}

/** Hands over a message as it was stored at an offset. */
async function take(
  offset: number,
  contract: MessageContract = Do,
  headers: Record<string, string> = {},
): Promise<void> {
  const handler: ConsumerHandler = {
    consumer: 'h',
    group: 'g',
    topics: ['t'],
    contracts: new Map([[contract.name, contract]]),
    retry: { attempts: 1, backoff: { initial: 1, max: 1, factor: 1 } },
    concurrency: 1,
    timeoutMs: 1_000,
    effects: 'once',
    ordered: true,
    onFailure: 'dead-letter',
    onStale: 'skip',
    handle: async () => {
      if (fails) throw new Error('no');
      handled += 1;
      return contract.kind === 'command' ? reply(Done, { n: handled }) : undefined;
    },
  };
  const all = {
    [HEADER.specVersion]: '1.0',
    [HEADER.id]: 'id-1',
    [HEADER.type]: contract.name,
    [HEADER.replyTo]: 'replies',
    [HEADER.replyKey]: 'saga-1',
    ...headers,
  };
  const record: IncomingRecord = {
    topic: 't',
    partition: 2,
    offset,
    key: Buffer.from('k'),
    value: Buffer.from('{"key":"k","n":1}'),
    headers: Object.fromEntries(
      Object.entries(all).map(([name, value]) => [name, Buffer.from(value)]),
    ),
    timestamp: 1,
  };
  const progress = { attempts: 0, outages: 0 };
  const again = await processor().process(
    handler,
    new Delivery(record, () => contract),
    progress,
    NEVER,
  );
  expect(again).toBeUndefined();
}

interface Sent {
  topic: string;
  key: string;
  value: string;
  headers: Record<string, string>;
}

async function sent(): Promise<Sent[]> {
  const { rows } = await db.unitOfWork.query<Sent>(
    `select topic, convert_from(key, 'utf8') as key, convert_from(value, 'utf8') as value, headers
       from rookery_outbox order by id`,
  );
  return rows;
}

describe('a command that is sent again', () => {
  it('is answered as before, without another effect', async () => {
    await take(7);
    await take(9);
    expect(handled).toBe(1);
    expect(outcomes).toEqual(['handled', 'duplicate']);
    const [first, second] = await sent();
    expect(second).toMatchObject({ topic: 'replies', key: 'saga-1', value: '{"n":1}' });
    expect(second?.headers).toMatchObject({
      [HEADER.id]: first?.headers[HEADER.id],
      [HEADER.inReplyTo]: 'id-1',
      [HEADER.outcome]: 'success',
    });
  });

  it('gets no second answer when only its record comes again', async () => {
    await take(7);
    await take(7);
    expect(outcomes).toEqual(['handled', 'duplicate']);
    expect(await sent()).toHaveLength(1);
  });

  it('is answered in the version that the release of now writes', async () => {
    await take(7);
    await take(9, DoV2);
    expect((await sent())[1]).toMatchObject({ value: '{"n":1,"unit":"piece"}' });
  });

  it('is handled when it had been given up, and is remembered then', async () => {
    fails = true;
    await take(7);
    await take(7);
    expect(outcomes).toEqual(['dead-lettered', 'duplicate']);
    fails = false;
    await take(9);
    await take(7);
    await take(9);
    expect(handled).toBe(1);
    expect(outcomes.slice(2)).toEqual(['handled', 'duplicate', 'duplicate']);
    expect((await sent()).map(({ topic }) => topic)).toEqual(['t.dlt', 'replies', 'replies']);
  });

  it('is given up once per record', async () => {
    fails = true;
    for (const offset of [7, 7, 9, 9]) await take(offset);
    expect(outcomes).toEqual(['dead-lettered', 'duplicate', 'dead-lettered', 'duplicate']);
    expect(await sent()).toHaveLength(2);
  });
});

describe('a reply that was given up', () => {
  it('is taken when it is sent again', async () => {
    fails = true;
    await take(7, Done);
    fails = false;
    await take(9, Done);
    await take(11, Done);
    expect(outcomes).toEqual(['dead-lettered', 'handled', 'duplicate']);
  });
});

describe('an event that was given up', () => {
  it('is not handled out of turn because its producer has sent it twice', async () => {
    fails = true;
    await take(7, Happened);
    fails = false;
    await take(9, Happened);
    expect(outcomes).toEqual(['dead-lettered', 'duplicate']);
  });

  it('is handled when its dead letter is sent back to its topic', async () => {
    fails = true;
    await take(7, Happened);
    fails = false;
    await take(9, Happened, { [DEAD_LETTER_HEADER.reason]: 'retries-exhausted' });
    expect(outcomes).toEqual(['dead-lettered', 'handled']);
  });
});
