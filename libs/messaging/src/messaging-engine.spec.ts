import { BadRequestException } from '@nestjs/common';
import { currentContext, systemClock, systemRandom } from '@rookery/core';
import { EmbeddedKafka } from '@rookery/embedded-kafka';
import {
  CommitFencedError,
  kafkajsDriver,
  type IncomingRecord,
  type KafkaDriver,
} from '@rookery/kafka';
import { currentTraceId, Tracing } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from './contract/define-contract.js';
import { DEAD_LETTER_HEADER, deadLetterTopic, HEADER } from './envelope/header-names.js';
import { textHeaders } from './envelope/envelope.js';
import { reply } from './handler/reply.js';
import { MessagingEngine, type MessagingListener } from './messaging-engine.js';
import { UnprocessableMessageError } from './messaging.errors.js';
import { messagingMigrations } from './messaging.migrations.js';
import { messagingOptions } from './messaging.options.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const NEVER = new AbortController().signal;

/** What an engine has told its listener. */
class Told implements MessagingListener {
  readonly outcomes: Record<string, number> = {};
  readonly deadLetters: string[] = [];
  onOutcome(consumer: string, outcome: string): void {
    const key = `${consumer} ${outcome}`;
    this.outcomes[key] = (this.outcomes[key] ?? 0) + 1;
  }
  onDeadLetter(topic: string, reason: string): void {
    this.deadLetters.push(`${topic} ${reason}`);
  }
  onSent(): void {}
  onFailure(): void {}
  async measureLag(): Promise<void> {}
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await met())) {
    if (performance.now() > end) throw new Error(`not met in time: ${String(met)}`);
    await systemClock.sleep(5);
  }
}

let kafka: EmbeddedKafka;
let counter = 0;
const running: { engine: MessagingEngine; driver: KafkaDriver }[] = [];

beforeAll(async () => {
  kafka = await EmbeddedKafka.start({});
  await db.unitOfWork.query('create table effects (id bigserial, what text not null)');
});
afterAll(() => kafka.stop());
beforeEach(() => db.clear());
afterEach(async () => {
  await Promise.all(running.splice(0).map(stop));
});

async function stop({ engine, driver }: (typeof running)[number]): Promise<void> {
  await engine.stopConsumers();
  await engine.stopRelay(AbortSignal.timeout(3_000));
  await driver.close();
}

interface Service {
  readonly engine: MessagingEngine;
  readonly told: Told;
  readonly driver: KafkaDriver;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function service(
  name: string,
  options: { wrap?: (driver: KafkaDriver) => KafkaDriver; messaging?: object } = {},
): Promise<Service> {
  const own = await kafkajsDriver({ brokers: kafka.brokers, clientId: name, heartbeatMs: 200 });
  const driver = options.wrap?.(own) ?? own;
  const told = new Told();
  const engine = new MessagingEngine(
    {
      service: name,
      ...messagingOptions.parse({
        topics: { partitions: 3 },
        retry: { attempts: 3, backoff: { initial: 5, max: 20 } },
        commitInterval: 50,
        ...options.messaging,
      }),
    },
    {
      host: db.unitOfWork,
      driver,
      tracing: new Tracing({ app: name, instance: `${name}-1` }),
      clock: systemClock,
      random: systemRandom,
      log: () => {},
      listener: told,
    },
  );
  const entry = { engine, driver: own };
  running.push(entry);
  return {
    engine,
    told,
    driver: own,
    async start() {
      engine.startRelay();
      await engine.startConsumers(NEVER);
    },
    async stop() {
      running.splice(running.indexOf(entry), 1);
      await stop(entry);
    },
  };
}

/** An event with topic and names of its own, so that specs do not see each other's records. */
function event() {
  const name = `spec-${process.pid}-${++counter}`;
  return defineEvent(`${name}.happened`, {
    topic: `${name}.events`,
    owner: 'spec',
    key: (data) => data.key,
    versions: { 1: z.object({ key: z.string(), n: z.int().optional() }) },
  });
}

async function effects(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ what: string }>('select what from effects');
  return rows.map(({ what }) => what);
}

async function effect(what: string): Promise<void> {
  await db.unitOfWork.query('insert into effects (what) values ($1)', [what]);
}

async function read(driver: KafkaDriver, topic: string, count: number): Promise<IncomingRecord[]> {
  const records: IncomingRecord[] = [];
  const consumer = driver.consumer({ group: `read-${topic}-${++counter}`, topics: [topic] });
  await consumer.start({
    onAssigned: () => {},
    onRevoked: async () => {},
    onRecords: (batch) => void records.push(...batch.records),
  });
  await until(() => records.length >= count);
  await consumer.close();
  return records;
}

describe('messaging on PostgreSQL and a Kafka broker', () => {
  it('handles each event once in effect, in the transaction of its effects', async () => {
    const Happened = event();
    const { engine, start } = await service('spec-once');
    const contexts: unknown[] = [];
    engine.runtime.subscribe({
      consumer: 'once',
      contracts: [Happened],
      handle: async (data, context) => {
        expect(db.unitOfWork.active).toBe(true);
        contexts.push({ ...context, current: currentContext()?.correlationId });
        await effect(data.key);
      },
    });
    await start();
    await engine.publisher.publish(
      Happened,
      { key: 'a' },
      { id: 'id-1', correlationId: 'corr-1', headers: { 'x-extra': 'é' } },
    );
    await engine.publisher.publish(Happened, { key: 'a' }, { id: 'id-1' });
    await engine.publisher.publish(Happened, { key: 'b' }, { id: 'id-2' });
    await until(async () => (await effects()).length >= 2);
    await until(async () => (await engine.outbox.backlog()).pending === 0);
    expect((await effects()).sort()).toEqual(['a', 'b']);
    expect(contexts).toHaveLength(2);
    expect(contexts.find((each) => (each as { id: string }).id === 'id-1')).toMatchObject({
      name: Happened.name,
      version: 1,
      key: 'a',
      topic: Happened.topic,
      correlationId: 'corr-1',
      current: 'corr-1',
      source: '/spec-once',
      attempt: 1,
      headers: { 'x-extra': 'é' },
    });
  });

  it('has one effect when it dies between the commit of the database and that of the offset', async () => {
    const Happened = event();
    const handled: string[] = [];
    const subscribe = ({ engine }: Service): void =>
      engine.runtime.subscribe({
        consumer: 'crash',
        contracts: [Happened],
        handle: async ({ key }) => {
          handled.push(key);
          await effect(key);
        },
      });
    const first = await service('spec-crash', {
      // As if the process had been killed: no offset gets out any more.
      wrap: (driver) => ({
        name: driver.name,
        consumers: [],
        producer: () => driver.producer(),
        admin: () => driver.admin(),
        close: () => driver.close(),
        consumer: (options) => {
          const consumer = driver.consumer(options);
          consumer.commit = async () => {
            throw new CommitFencedError('spec-crash');
          };
          return consumer;
        },
      }),
    });
    subscribe(first);
    await first.start();
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    for (const key of keys) await first.engine.publisher.publish(Happened, { key });
    await until(async () => (await effects()).length === 30);
    await first.stop();

    const second = await service('spec-crash');
    subscribe(second);
    await second.start();
    await until(() => second.told.outcomes['crash duplicate'] === 30);
    expect(handled).toHaveLength(30);
    expect((await effects()).sort()).toEqual([...keys].sort());
  });

  it('loses, repeats and reorders nothing while instances come and go', async () => {
    const Happened = event();
    const instance = async (): Promise<Service> => {
      const made = await service('spec-scale', { messaging: { commitInterval: 20 } });
      made.engine.runtime.subscribe({
        consumer: 'scaled',
        contracts: [Happened],
        handle: async ({ key, n }) => {
          await systemClock.sleep(Math.random() * 4);
          await effect(`${key} ${n}`);
        },
      });
      await made.start();
      return made;
    };
    const instances = [await instance()];
    const publisher = instances[0]?.engine.publisher;
    const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);
    let churning = true;
    const churn = (async () => {
      for (let i = 0; i < 5; i += 1) {
        instances.push(await instance());
        if (i % 2 === 1) await instances.splice(1, 1)[0]?.stop();
      }
      churning = false;
    })();
    let rounds = 0;
    while (churning || rounds < 30) {
      rounds += 1;
      await Promise.all(keys.map((key) => publisher?.publish(Happened, { key, n: rounds })));
      await systemClock.sleep(20);
    }
    await churn;
    await until(async () => (await effects()).length >= rounds * keys.length);
    const { rows } = await db.unitOfWork.query(
      `select what from (
         select what, split_part(what, ' ', 2)::int as n,
                row_number() over (partition by split_part(what, ' ', 1) order by id) as place
           from effects
       ) as numbered where n <> place`,
    );
    expect(rows).toEqual([]);
    expect(await effects()).toHaveLength(rounds * keys.length);
  }, 40_000);

  it('dead-letters a poison message with its bytes, and goes on with its key and all others', async () => {
    const Happened = event();
    const { engine, told, driver, start } = await service('spec-poison');
    const attempts: number[] = [];
    engine.runtime.subscribe({
      consumer: 'poison',
      contracts: [Happened],
      handle: async ({ key, n }, { attempt }) => {
        await effect(`${key}${n}`);
        if (key !== 'bad' || n !== 1) return;
        attempts.push(attempt);
        throw new Error(`cannot take ${n}`);
      },
    });
    await start();
    for (let n = 1; n <= 3; n += 1) {
      for (const key of ['bad', 'good', 'fine']) {
        await engine.publisher.publish(Happened, { key, n }, { id: `${key}-${n}` });
      }
    }
    await until(async () => (await effects()).length === 8);
    expect(await effects()).not.toContain('bad1');
    expect(attempts).toEqual([1, 2, 3]);
    expect(told.deadLetters).toEqual([`${Happened.topic} retries-exhausted`]);
    const [letter] = await read(driver, deadLetterTopic(Happened.topic), 1);
    expect(String(letter?.key)).toBe('bad');
    expect(JSON.parse(String(letter?.value))).toEqual({ key: 'bad', n: 1 });
    expect(textHeaders(letter as IncomingRecord)).toMatchObject({
      [HEADER.id]: 'bad-1',
      [HEADER.type]: Happened.name,
      [DEAD_LETTER_HEADER.reason]: 'retries-exhausted',
      [DEAD_LETTER_HEADER.error]: 'Error: cannot take 1',
      [DEAD_LETTER_HEADER.attempts]: '3',
      [DEAD_LETTER_HEADER.topic]: Happened.topic,
      [DEAD_LETTER_HEADER.consumer]: 'poison',
      [DEAD_LETTER_HEADER.group]: 'spec-poison',
    });
  });

  it.each([
    ['a validation error of Nest', () => new BadRequestException('no')],
    ['an error that says so', () => new UnprocessableMessageError('no')],
    ['an error of zod', () => new z.ZodError([])],
  ])('does not try again after %s', async (_what, make) => {
    const Happened = event();
    const { engine, told, start } = await service('spec-permanent');
    let tries = 0;
    engine.runtime.subscribe({
      consumer: 'permanent',
      contracts: [Happened],
      handle: async () => {
        tries += 1;
        throw make();
      },
    });
    await start();
    await engine.publisher.publish(Happened, { key: 'a' });
    await until(() => told.deadLetters.length === 1);
    expect(told.deadLetters).toEqual([`${Happened.topic} not-retryable`]);
    expect(tries).toBe(1);
  });

  it('dead-letters records that cannot be read with their bytes, and goes on', async () => {
    const Happened = event();
    const { engine, driver, told, start } = await service('spec-unreadable');
    engine.runtime.subscribe({
      consumer: 'reader',
      contracts: [Happened],
      handle: ({ key }) => effect(key),
    });
    // A second handler of the same records: what cannot be read is still one dead letter.
    engine.runtime.subscribe({
      consumer: 'second-reader',
      contracts: [Happened],
      handle: async () => undefined,
    });
    await start();
    const good = {
      [HEADER.specVersion]: '1.0',
      [HEADER.id]: 'x',
      [HEADER.type]: Happened.name,
      [HEADER.dataVersion]: '1',
    };
    const bytes = Buffer.from([0, 1, 255]);
    const value = JSON.stringify({ key: 'good' });
    const { topic } = Happened;
    const at = { topic, key: 'k' };
    await driver.producer().send([
      { ...at, value: bytes, headers: { ...good, raw: bytes } },
      { ...at, value: 'no headers at all' },
      { ...at, value, headers: { ...good, [HEADER.type]: 'nobody.knows-this' } },
      { ...at, value, headers: { ...good, [HEADER.dataVersion]: 'x' } },
      { ...at, value: '{"key":5}', headers: { ...good, [HEADER.id]: 'y' } },
      { ...at, value: null, headers: { ...good, [HEADER.id]: 'z' } },
      { ...at, value, headers: { ...good, [HEADER.id]: 'fine' } },
    ]);
    await until(async () => (await effects()).length === 1 && told.deadLetters.length === 6);
    const letters = await read(driver, deadLetterTopic(topic), 6);
    const reasons = letters.map((letter) => textHeaders(letter)[DEAD_LETTER_HEADER.reason]);
    expect(reasons.sort()).toEqual([
      'bad-json',
      'bad-json',
      'contract-violation',
      'missing-headers',
      'missing-headers',
      'unknown-type',
    ]);
    const raw = letters.find(({ headers }) => 'raw' in headers);
    expect(raw?.value?.equals(bytes)).toBe(true);
    expect((raw?.headers['raw'] as Buffer).equals(bytes)).toBe(true);
    const admin = driver.admin();
    await until(async () => {
      const lags = await admin.lag('spec-unreadable', [topic]);
      return lags.reduce((sum, { lag }) => sum + lag, 0) === 0;
    });
  });

  it('answers commands, in one trace and under one correlation id', async () => {
    const name = `spec-${process.pid}-${++counter}`;
    const Done = defineReply(`${name}.done`, {
      owner: 'spec',
      outcome: 'success',
      versions: { 1: z.object({ ok: z.boolean() }) },
    });
    const Refused = defineReply(`${name}.refused`, {
      owner: 'spec',
      outcome: 'refusal',
      versions: { 1: z.object({ why: z.string() }) },
    });
    const Do = defineCommand(`${name}.do`, {
      owner: 'spec',
      topic: `${name}.commands`,
      key: (data) => data.id,
      versions: { 1: z.object({ id: z.string() }) },
      replies: [Done, Refused],
    });
    const asking = await service('spec-asking');
    const answering = await service('spec-answering');
    const seen: Record<string, unknown>[] = [];
    answering.engine.runtime.subscribe({
      consumer: 'doer',
      contracts: [Do],
      handle: async ({ id }) => {
        seen.push({ trace: currentTraceId() });
        return id === 'no' ? reply(Refused, { why: 'not today' }) : reply(Done, { ok: true });
      },
    });
    asking.engine.runtime.subscribe({
      consumer: 'asker',
      contracts: [Done, Refused],
      topics: [`${name}.replies`],
      handle: async (data, context, contract) => {
        const { inReplyTo, correlationId, causationId, key } = context;
        seen.push({
          trace: currentTraceId(),
          reply: { data, inReplyTo, correlationId, causationId, key },
          outcome: contract.outcome,
        });
      },
    });
    await Promise.all([asking.start(), answering.start()]);
    const tracing = new Tracing({ app: 'spec', instance: 'spec-1' });
    let trace: string | undefined;
    await tracing.run('request', { kind: 'server' }, async () => {
      trace = currentTraceId();
      await asking.engine.publisher.send(
        Do,
        { id: 'no' },
        { id: 'command-1', replyTo: `${name}.replies`, replyKey: 'saga-9', correlationId: 'c-1' },
      );
    });
    await until(() => seen.length === 2);
    expect(seen).toEqual([
      { trace },
      {
        trace,
        outcome: 'refusal',
        reply: {
          data: { why: 'not today' },
          inReplyTo: 'command-1',
          causationId: 'command-1',
          correlationId: 'c-1',
          key: 'saga-9',
        },
      },
    ]);
    await tracing.close(NEVER);
  });

  it('passes a message over five hops in well under 150 ms when idle', async () => {
    const hops = Array.from({ length: 5 }, event);
    const { engine, start } = await service('spec-hops');
    let arrived: () => void = () => {};
    hops.forEach((hop, i) => {
      engine.runtime.subscribe({
        consumer: `hop-${i}`,
        contracts: [hop],
        handle: async (data) => {
          const next = hops[i + 1];
          if (next === undefined) db.unitOfWork.afterCommit(arrived);
          else await engine.publisher.publish(next, data);
        },
      });
    });
    await start();
    const times: number[] = [];
    for (let i = 0; i < 15; i += 1) {
      const [first] = hops;
      if (first === undefined) return;
      const end = new Promise<void>((resolve) => (arrived = resolve));
      const begin = performance.now();
      await engine.publisher.publish(first, { key: `order-${i}` });
      await end;
      times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    expect(times[7]).toBeLessThan(150);
  });
});
