import { randomBytes } from 'node:crypto';
import type { IncomingRecord, OutgoingRecord } from '@rookery/kafka';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { textHeaders } from '../envelope/envelope.js';
import { DEAD_LETTER_HEADER, deadLetterTopic, HEADER } from '../envelope/header-names.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { readTopic, TestService, uniqueEvent, uniqueName, until } from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

let lines: string[];
let seen: unknown[];

beforeEach(async () => {
  await db.clear();
  lines = [];
  seen = [];
});
afterEach(() => TestService.stopAll());

const service = (name: string): Promise<TestService> =>
  TestService.create(
    name,
    { host: db.unitOfWork, brokers: kafka.brokers },
    {
      messaging: { topics: { partitions: 1 } },
      log: (level, message) => lines.push(`${level}: ${message}`),
    },
  );

interface Failed {
  id: string;
  reason: string;
  code: string | null;
  error: string | null;
  value: Buffer | null;
}

async function failed(): Promise<Failed[]> {
  const { rows } = await db.unitOfWork.query<Failed>(
    `select id, reason, code, error, value from rookery_failed_messages
      where reason <> 'behind-parked' order by id`,
  );
  return rows;
}

async function behind(of: TestService, group: string, topic: string): Promise<number> {
  const lags = await of.driver.admin().lag(group, [topic]);
  return lags.reduce((sum, each) => sum + each.lag, 0);
}

const good = (type: string, id: string = uniqueName()): Record<string, string | Buffer> => ({
  [HEADER.specVersion]: '1.0',
  [HEADER.id]: id,
  [HEADER.type]: type,
  [HEADER.dataVersion]: '1',
});

/** Longer than an index of the database can hold. */
const longKey = randomBytes(9_000);
const zeros = Buffer.from([0, 255, 0, 195]);

/** Records that cannot be handled, and what becomes of them. */
const BAD: readonly (readonly [what: string, reason: string, make: (type: string) => object])[] = [
  ['broken JSON', 'bad-json', (type) => ({ value: '{bad', headers: good(type) })],
  ['no JSON but bytes', 'bad-json', (type) => ({ value: zeros, headers: good(type) })],
  ['a wrong schema', 'contract-violation', (type) => ({ value: '{"key":5}', headers: good(type) })],
  [
    'a version that is newer',
    'unknown-version',
    (type) => ({ value: '{"key":"k"}', headers: { ...good(type), [HEADER.dataVersion]: '7' } }),
  ],
  ['no headers', 'missing-headers', () => ({ value: '{"key":"k"}' })],
  [
    'an id of bytes',
    'missing-headers',
    (type) => ({ value: '{"key":"k"}', headers: { ...good(type), [HEADER.id]: zeros } }),
  ],
  [
    'a key that no index holds, and a type of bytes',
    'missing-headers',
    () => ({ key: longKey, value: '{"key":"k"}', headers: { x: zeros } }),
  ],
  [
    'a key of bytes and headers of bytes',
    'bad-json',
    (type) => ({
      key: zeros,
      value: '',
      headers: { ...good(type), '\u0000': zeros, many: [zeros] },
    }),
  ],
  [
    'a value as large as the broker takes',
    'bad-json',
    (type) => ({ value: randomBytes(1_048_000), headers: good(type) }),
  ],
];

describe('what cannot be handled', () => {
  it.each(BAD)(
    'K8: %s is given up with its bytes, and the partition moves on',
    async (_what, reason, make) => {
      const Happened = { ...uniqueEvent(), compatibility: 'BACKWARD' as const };
      const { topic } = Happened;
      const name = uniqueName();
      const one = await service(name);
      one.engine.runtime.subscribe({
        consumer: name,
        contracts: [Happened],
        handle: async ({ key }) => void seen.push(key),
      });
      await one.start();
      const bad = { topic, key: 'k', ...make(Happened.name) } as OutgoingRecord;
      await one.driver
        .producer()
        .send([
          bad,
          { topic, key: bad.key, value: '{"key":"next"}', headers: good(Happened.name) },
        ]);
      await until(() => seen.length === 1);
      await until(async () => (await behind(one, name, topic)) === 0);
      const [row] = (await failed()) as [Failed];
      expect(row.reason).toBe(reason);
      expect(row.value?.equals(Buffer.from(bad.value as string))).toBe(true);
      expect(lines.filter((line) => line.startsWith('error:'))).toEqual([
        expect.stringContaining(`see rookery messages show ${name}/${row.id}`),
      ]);
      const [letter] = await readTopic(one.driver, deadLetterTopic(topic), 1);
      const headers = textHeaders(letter as IncomingRecord);
      expect(headers[DEAD_LETTER_HEADER.reason]).toBe(reason);
      const omitted = headers[DEAD_LETTER_HEADER.omitted];
      if (omitted === undefined) expect(letter?.value?.equals(row.value as Buffer)).toBe(true);
      else expect(Number(omitted)).toBe(row.value?.length);
      // Nothing waits for ever in the outbox.
      await until(async () => (await one.engine.outbox.backlog()).pending === 0);
    },
  );

  it.each(BAD)(
    'is parked with its key where that is asked for: %s',
    async (_what, reason, make) => {
      const Happened = { ...uniqueEvent(), compatibility: 'BACKWARD' as const };
      const { topic } = Happened;
      const name = uniqueName();
      const one = await service(name);
      one.engine.runtime.subscribe({
        consumer: name,
        contracts: [Happened],
        onFailure: 'park',
        handle: async ({ key }) => void seen.push(key),
      });
      await one.start();
      const bad = { topic, key: 'k', ...make(Happened.name) } as OutgoingRecord;
      await one.driver
        .producer()
        .send([
          bad,
          { topic, key: bad.key, value: '{"key":"waits"}', headers: good(Happened.name) },
          { topic, key: 'other', value: '{"key":"other"}', headers: good(Happened.name) },
        ]);
      await until(async () => (await behind(one, name, topic)) === 0 && seen.includes('other'));
      expect((await failed())[0]?.reason).toBe(reason);
      // Without a type nobody knows for which handler to park it.
      expect(seen.sort()).toEqual(
        reason === 'missing-headers' && !hasType(bad) ? ['other', 'waits'] : ['other'],
      );
    },
  );

  it('K7: a type that nobody knows is skipped among events and given up among commands', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const Done = defineReply(`${name}.done`, {
      owner: name,
      outcome: 'success',
      versions: { 1: z.object({}) },
    });
    const Do = defineCommand(`${name}.do`, {
      owner: name,
      topic: `${name}.commands`,
      key: (data) => data.key,
      versions: { 1: z.object({ key: z.string() }) },
      replies: [Done],
    });
    const one = await service(name);
    one.engine.runtime.subscribe({ consumer: 'e', contracts: [Happened], handle: async () => {} });
    one.engine.runtime.subscribe({
      consumer: 'c',
      contracts: [Do],
      handle: async () => ({ contract: Done, data: {} }),
    });
    await one.start();
    const record = { key: 'k', value: '{"key":"k"}', headers: good('nobody.knows') };
    await one.driver.producer().send([
      { ...record, topic: Happened.topic },
      { ...record, topic: Do.topic },
    ]);
    await until(async () => (await failed()).length === 1);
    for (const topic of [Happened.topic, Do.topic]) {
      await until(async () => (await behind(one, name, topic)) === 0);
    }
    expect(await failed()).toMatchObject([{ reason: 'unknown-type', code: 'RKY_MSG_UNREADABLE' }]);
  });

  it('of 1 MB and a byte is refused by publish, before it is in the outbox', async () => {
    const Large = defineEvent(`${uniqueName()}.large`, {
      topic: 'large.events',
      owner: 'spec',
      key: () => 'k',
      versions: { 1: z.object({ text: z.string() }) },
    });
    const one = await service(uniqueName());
    const text = 'x'.repeat(1_000_001);
    await expect(one.engine.publisher.publish(Large, { text })).rejects.toMatchObject({
      code: 'RKY_MSG_TOO_LARGE',
    });
    expect((await one.engine.outbox.backlog()).pending).toBe(0);
  });

  it('is not a DTO with fields named value, key and headers: it arrives as it was sent', async () => {
    const name = uniqueName();
    const Nested = defineEvent(`${name}.nested`, {
      topic: `${name}.events`,
      owner: 'spec',
      key: (data) => data.key,
      versions: {
        1: z.object({
          key: z.string(),
          value: z.object({ value: z.int() }),
          headers: z.record(z.string(), z.string()),
        }),
      },
    });
    const one = await service(name);
    one.engine.runtime.subscribe({
      consumer: name,
      contracts: [Nested],
      handle: async (data) => void seen.push(data),
    });
    await one.start();
    const data = { key: 'k', value: { value: 5 }, headers: { a: 'b' } };
    const before = structuredClone(data);
    await one.engine.publisher.publish(Nested, data);
    await until(() => seen.length === 1);
    expect(seen).toEqual([before]);
    expect(data).toEqual(before);
  });
});

function hasType({ headers }: OutgoingRecord): boolean {
  return headers?.[HEADER.type] !== undefined;
}

/** What handlers throw, with what is kept of it. */
const THROWN: readonly (readonly [what: string, thrown: () => unknown, kept: object])[] = [
  [
    'an error of the system',
    () => Object.assign(new Error('db down'), { code: 'ECONNREFUSED' }),
    { error: 'Error: db down', code: 'ECONNREFUSED' },
  ],
  ['nothing', () => undefined, { error: null, code: null }],
  ['a text', () => 'no\0pe', { error: 'nope' }],
  ['an object', () => ({ why: 'because' }), { error: "{ why: 'because' }" }],
  [
    'an object that contains itself',
    () => {
      const circle: Record<string, unknown> = { big: 1n };
      circle['self'] = circle;
      return circle;
    },
    { code: null },
  ],
  [
    'something that throws when one looks at it',
    () =>
      Object.defineProperty(new Error('x'), 'message', {
        get: () => {
          throw new Error('again');
        },
      }),
    { code: null },
  ],
  [
    'something whose status throws',
    () => ({
      getStatus: () => {
        throw new Error('no status');
      },
    }),
    { code: null },
  ],
];

describe('a handler', () => {
  it.each(THROWN)(
    'K3: that throws %s has it kept in row and dead letter',
    async (_what, thrown, kept) => {
      const Happened = uniqueEvent();
      const name = uniqueName();
      const one = await service(name);
      one.engine.runtime.subscribe({
        consumer: name,
        contracts: [Happened],
        retry: { attempts: 2 },
        handle: async ({ key }) => {
          if (key === 'bad') throw thrown();
          seen.push(key);
        },
      });
      await one.start();
      await one.engine.publisher.publish(Happened, { key: 'bad' });
      await one.engine.publisher.publish(Happened, { key: 'fine' });
      await until(async () => (await failed()).length === 1 && seen.length === 1);
      expect((await failed())[0]).toMatchObject({ reason: 'retries-exhausted', ...kept });
      const [letter] = await readTopic(one.driver, deadLetterTopic(Happened.topic), 1);
      const headers = textHeaders(letter as IncomingRecord);
      const { error, code } = kept as { error?: string | null; code?: string | null };
      if (error !== undefined) expect(headers[DEAD_LETTER_HEADER.error]).toBe(error ?? '');
      expect(headers[DEAD_LETTER_HEADER.code]).toBe(code ?? undefined);
      await until(async () => (await behind(one, name, Happened.topic)) === 0);
    },
  );

  it('that never settles is ended, tried again, and given up; the partition moves on', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const one = await service(name);
    one.engine.runtime.subscribe({
      consumer: name,
      contracts: [Happened],
      timeout: 50,
      retry: { attempts: 2 },
      handle: async ({ key }, { attempt }) => {
        if (key === 'bad') {
          seen.push(attempt);
          await new Promise(() => {});
        }
        seen.push(key);
      },
    });
    await one.start();
    await one.engine.publisher.publish(Happened, { key: 'bad' });
    await one.engine.publisher.publish(Happened, { key: 'fine' });
    await until(async () => (await behind(one, name, Happened.topic)) === 0 && seen.length === 3);
    expect(seen.sort()).toEqual([1, 2, 'fine']);
    expect(await failed()).toMatchObject([{ code: 'RKY_MSG_HANDLER_TIMEOUT' }]);
  });

  it('that returns nothing has handled an event', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const one = await service(name);
    one.engine.runtime.subscribe({
      consumer: name,
      contracts: [Happened],
      handle: async () => undefined,
    });
    await one.start();
    await one.engine.publisher.publish(Happened, { key: 'a' });
    await until(async () => one.told.outcomes[`${name} handled`] === 1);
    await until(async () => (await behind(one, name, Happened.topic)) === 0);
    expect(await failed()).toEqual([]);
  });
});
