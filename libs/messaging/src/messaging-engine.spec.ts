import { currentContext, systemClock } from '@rookery/core';
import { CommitFencedError } from '@rookery/kafka';
import { currentTraceId, Tracing } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineReply } from './contract/define-contract.js';
import { reply } from './handler/reply.js';
import { messagingMigrations } from './messaging.migrations.js';
import {
  TestService,
  uniqueEvent,
  uniqueName,
  until,
  type TestServiceOptions,
} from './testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

beforeAll(async () => {
  await db.unitOfWork.query('create table effects (id bigserial, what text not null)');
});
beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

const service = (name: string, options?: TestServiceOptions): Promise<TestService> =>
  TestService.create(name, { host: db.unitOfWork, brokers: kafka.brokers }, options);

async function effects(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ what: string }>('select what from effects');
  return rows.map(({ what }) => what);
}

async function effect(what: string): Promise<void> {
  await db.unitOfWork.query('insert into effects (what) values ($1)', [what]);
}

const NEVER = new AbortController().signal;

describe('messaging on PostgreSQL and a Kafka broker', () => {
  it('handles each event once in effect, in the transaction of its effects', async () => {
    const Happened = uniqueEvent();
    const { engine, start } = await service('spec-once');
    const contexts: unknown[] = [];
    engine.runtime.subscribe({
      consumer: 'once',
      contracts: [Happened],
      handle: async (data, context) => {
        expect(db.unitOfWork.active).toBe(true);
        const { headers } = context;
        contexts.push({ ...context, headers, current: currentContext()?.correlationId });
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
    const Happened = uniqueEvent();
    const handled: string[] = [];
    const subscribe = ({ engine }: TestService): void =>
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
    const Happened = uniqueEvent();
    const instance = async (): Promise<TestService> => {
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
    const first = await instance();
    const instances = [first];
    const { publisher } = first.engine;
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
      await Promise.all(keys.map((key) => publisher.publish(Happened, { key, n: rounds })));
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

  it('answers commands, in one trace and under one correlation id', async () => {
    const name = uniqueName();
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
});
