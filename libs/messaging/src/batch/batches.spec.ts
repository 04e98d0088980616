import { currentContext } from '@rookery/core';
import { DatabaseUnavailableError } from '@rookery/persistence';
import { currentTraceId } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEAD_LETTER_HEADER, deadLetterTopic, HEADER } from '../envelope/header-names.js';
import { BatchFailedError } from '../messaging.errors.js';
import { messagingMigrations } from '../messaging.migrations.js';
import {
  readTopic,
  TestService,
  uniqueEvent,
  until,
  type ReadableSpan,
  type TestServiceOptions,
} from '../testing/test-service.js';
import type { BatchFailure } from './batch-message.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

beforeAll(async () => {
  await db.unitOfWork.query('create table effects (id bigserial, what text not null)');
});
beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

const service = (name: string, messaging: object = {}, rest: TestServiceOptions = {}) =>
  TestService.create(
    name,
    { host: db.unitOfWork, brokers: kafka.brokers },
    { ...rest, messaging: { topics: { partitions: 1 }, ...messaging } },
  );

const effect = (what: string) =>
  db.unitOfWork.query('insert into effects (what) values ($1)', [what]);

async function effects(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ what: string }>(
    'select what from effects order by id',
  );
  return rows.map(({ what }) => what);
}

const committed = (service: TestService, group: string, topic: string): Promise<void> =>
  until(async () => {
    const lags = await service.driver.admin().lag(group, [topic]);
    return lags.length > 0 && lags.every(({ lag }) => lag === 0);
  });

describe('a handler of batches', () => {
  it('K11: gets many events at once, in order, in one transaction', async () => {
    const Happened = uniqueEvent();
    const own = await service('spec-batch');
    const { engine } = own;
    const sizes: number[] = [];
    engine.runtime.subscribeBatches({
      consumer: 'batch',
      event: Happened,
      batch: { max: 100, wait: '50ms' },
      handle: async (messages) => {
        sizes.push(messages.length);
        expect(db.unitOfWork.active).toBe(true);
        for (const { data } of messages) await effect(`${data.key} ${data.n}`);
      },
    });
    const keys = ['a', 'b', 'c'];
    await db.unitOfWork.run(async () => {
      for (let n = 100; n < 400; n += 1) {
        await engine.publisher.publish(Happened, { key: keys[n % 3] ?? '', n });
      }
    });
    await own.start();
    await until(async () => (await effects()).length === 300);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
    expect(sizes.length).toBeLessThan(60);
    for (const key of keys) {
      const ofKey = (await effects()).filter((what) => what.startsWith(key));
      expect(ofKey).toEqual([...ofKey].sort());
    }
    await committed(own, 'spec-batch', Happened.topic);
  });

  it('K11: may fail in part: what failed is tried again, after it what followed on its key', async () => {
    const Happened = uniqueEvent();
    const own = await service('spec-partial');
    const { engine } = own;
    const calls: string[][] = [];
    let failing = true;
    engine.runtime.subscribeBatches({
      consumer: 'partial',
      event: Happened,
      batch: { max: 50, wait: 200 },
      handle: async (messages) => {
        calls.push(messages.map(({ data }) => `${data.key}${data.n}`));
        const failures: BatchFailure[] = [];
        for (const message of messages) {
          const { key, n } = message.data;
          if (failing && key === 'a' && n === 2) {
            failing = false;
            failures.push({ message, error: new Error('not yet') });
          } else await effect(`${key}${n}`);
        }
        if (failures.length > 0) throw new BatchFailedError(failures);
      },
    });
    await db.unitOfWork.run(async () => {
      for (const n of [1, 2, 3]) {
        for (const key of ['a', 'b']) await engine.publisher.publish(Happened, { key, n });
      }
    });
    await own.start();
    await until(async () => (await effects()).length === 6);
    await committed(own, 'spec-partial', Happened.topic);
    // Rolled back, because a3 had come before a2; again without both; then a2 and a3 by themselves.
    expect(calls).toEqual([
      ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'],
      ['a1', 'b1', 'b2', 'b3'],
      ['a2'],
      ['a3'],
    ]);
    expect(await effects()).toEqual(['a1', 'b1', 'b2', 'b3', 'a2', 'a3']);
    expect(own.told.outcomes).toEqual({ 'partial handled': 6, 'partial retried': 1 });
  });

  it('K1, K11: loses one poison message, and no other, to the dead letters', async () => {
    const Happened = uniqueEvent();
    const own = await service('spec-poison');
    const { engine } = own;
    engine.runtime.subscribeBatches({
      consumer: 'poison',
      event: Happened,
      batch: { max: 50, wait: 200 },
      handle: async (messages) => {
        for (const { data } of messages) {
          if (data.n === 7) throw new Error('poison');
          await effect(String(data.n));
        }
      },
    });
    await db.unitOfWork.run(async () => {
      for (let n = 1; n <= 20; n += 1) {
        await engine.publisher.publish(Happened, { key: `k${n % 4}`, n });
      }
    });
    await own.start();
    const letters = await readTopic(own.driver, deadLetterTopic(Happened.topic), 1);
    await until(async () => (await effects()).length === 19);
    expect(letters.map(({ value }) => JSON.parse(String(value)) as unknown)).toEqual([
      { key: 'k3', n: 7 },
    ]);
    expect(String(letters[0]?.headers[DEAD_LETTER_HEADER.attempts])).toBe('3');
    expect(new Set(await effects()).size).toBe(19);
    await committed(own, 'spec-poison', Happened.topic);
  });

  it('remembers what it handled, also twins in one batch', async () => {
    const Happened = uniqueEvent();
    const own = await service('spec-twins');
    const { engine, driver } = own;
    engine.runtime.subscribeBatches({
      consumer: 'twins',
      event: Happened,
      batch: { wait: 50 },
      handle: async (messages) => {
        for (const { context } of messages) await effect(context.id);
      },
    });
    await own.start();
    const record = (id: string) => ({
      topic: Happened.topic,
      key: 'k',
      value: '{"key":"k"}',
      headers: { [HEADER.specVersion]: '1.0', [HEADER.id]: id, [HEADER.type]: Happened.name },
    });
    await driver.producer().send([record('x'), record('x'), record('y')]);
    await committed(own, 'spec-twins', Happened.topic);
    await driver.producer().send([record('y'), record('z')]);
    await until(async () => (await effects()).length === 3);
    await committed(own, 'spec-twins', Happened.topic);
    expect(await effects()).toEqual(['x', 'y', 'z']);
    expect(own.told.outcomes).toEqual({ 'twins handled': 3, 'twins duplicate': 2 });
  });

  it('waits as a whole while the database is away, without using up tries', async () => {
    const Happened = uniqueEvent();
    const own = await service('spec-away', { retry: { attempts: 1 } });
    const { engine } = own;
    let away = 2;
    const sizes: number[] = [];
    engine.runtime.subscribeBatches({
      consumer: 'away',
      event: Happened,
      batch: { max: 3, wait: 1_000 },
      handle: async (messages) => {
        sizes.push(messages.length);
        if (away-- > 0) throw new DatabaseUnavailableError('gone');
        for (const { data } of messages) await effect(data.key);
      },
    });
    await own.start();
    await db.unitOfWork.run(async () => {
      for (const key of ['a', 'b', 'c']) await engine.publisher.publish(Happened, { key });
    });
    await until(async () => (await effects()).length === 3);
    expect(sizes).toEqual([3, 3, 3]);
    expect(own.told.deadLetters).toEqual([]);
  });

  it('is not stopped by what cannot be read, and parks only the key that failed', async () => {
    const Happened = uniqueEvent();
    const own = await service('spec-park');
    const { engine, driver } = own;
    engine.runtime.subscribeBatches({
      consumer: 'park',
      event: Happened,
      onFailure: 'park',
      batch: { max: 50, wait: 100 },
      handle: async (messages) => {
        for (const { data } of messages) {
          if (data.key === 'bad') throw new Error('always');
          await effect(`${data.key}${data.n}`);
        }
      },
    });
    await own.start();
    const broken = {
      [HEADER.specVersion]: '1.0',
      [HEADER.id]: 'broken',
      [HEADER.type]: Happened.name,
    };
    await driver
      .producer()
      .send([{ topic: Happened.topic, key: 'broken', value: '{bad', headers: broken }]);
    const round = (n: number): Promise<void> =>
      db.unitOfWork.run(async () => {
        for (const key of ['bad', 'good']) await engine.publisher.publish(Happened, { key, n });
      });
    await round(1);
    await until(() => own.told.outcomes['park parked'] === 2);
    await round(2);
    await until(() => own.told.outcomes['park parked'] === 3);
    await until(async () => (await effects()).length === 2);
    expect(await effects()).toEqual(['good1', 'good2']);
    await committed(own, 'spec-park', Happened.topic);
  });

  it('K23: is linked to the traces of its messages, and what it publishes may follow each', async () => {
    const Happened = uniqueEvent();
    const Next = uniqueEvent();
    const spans: ReadableSpan[] = [];
    const own = await service('spec-links', {}, { onSpan: (span) => void spans.push(span) });
    const { engine, tracing } = own;
    let correlation: string | undefined;
    engine.runtime.subscribeBatches({
      consumer: 'links',
      event: Happened,
      batch: { max: 2, wait: 1_000 },
      handle: async (messages) => {
        correlation = currentContext()?.correlationId;
        for (const { data, within } of messages) {
          await within(() => engine.publisher.publish(Next, data));
        }
      },
    });
    const seen: unknown[] = [];
    engine.runtime.subscribe({
      consumer: 'next',
      contracts: [Next],
      handle: async (_data, { correlationId, causationId }) =>
        void seen.push([correlationId, causationId]),
    });
    await own.start();
    const traces: (string | undefined)[] = [];
    for (const id of ['one', 'two']) {
      await tracing.run('caller', {}, async () => {
        traces.push(currentTraceId());
        await engine.publisher.publish(Happened, { key: id }, { id, correlationId: `c-${id}` });
      });
    }
    await until(() => seen.length === 2);
    expect(seen).toEqual(
      expect.arrayContaining([
        ['c-one', 'one'],
        ['c-two', 'two'],
      ]),
    );
    expect(['c-one', 'c-two']).not.toContain(correlation);
    const batch = spans.find(({ name }) => name === `process batch ${Happened.name}`);
    const linked = batch?.links.map(({ context }) => context.traceId) ?? [];
    expect(linked.sort()).toEqual([...traces].sort());
    expect(batch?.attributes).toMatchObject({ 'messaging.batch.message_count': 2 });
  });

  it('finishes its batch before its partitions go, and nothing is handled twice', async () => {
    const Happened = uniqueEvent();
    const first = await service('spec-drain');
    let release: () => void = () => {};
    const begun = new Promise<void>((begin) => {
      first.engine.runtime.subscribeBatches({
        consumer: 'drain',
        event: Happened,
        batch: { max: 2, wait: 20 },
        handle: async (messages) => {
          begin();
          await new Promise<void>((resolve) => (release = resolve));
          for (const { data } of messages) await effect(String(data.n));
        },
      });
    });
    await first.start();
    for (const n of [1, 2, 3]) await first.engine.publisher.publish(Happened, { key: 'k', n });
    await begun;
    const stopping = first.stop();
    release();
    await stopping;
    const before = (await effects()).length;
    expect(before).toBeGreaterThan(0);
    const second = await service('spec-drain');
    second.engine.runtime.subscribeBatches({
      consumer: 'drain',
      event: Happened,
      handle: async (messages) => {
        for (const { data } of messages) await effect(String(data.n));
      },
    });
    await second.start();
    await until(async () => (await effects()).length === 3);
    expect(await effects()).toEqual(['1', '2', '3']);
    expect(second.told.outcomes).toEqual({ 'drain handled': 3 - before });
  });

  it('is refused with options that are not for batches', async () => {
    const { engine } = await service('spec-refused');
    const event = uniqueEvent();
    const handle = async (): Promise<void> => {};
    expect(() =>
      engine.runtime.subscribeBatches({ consumer: 'a', event, batch: { max: 0 }, handle }),
    ).toThrow(/batch\.max: 0 is not allowed/);
    const version = { version: () => 1 } as object;
    expect(() =>
      engine.runtime.subscribeBatches({ consumer: 'b', event, handle, ...version }),
    ).toThrow(/version: is for handlers of single messages/);
    const batch = { batch: {} } as object;
    expect(() =>
      engine.runtime.subscribe({ consumer: 'c', contracts: [event], handle, ...batch }),
    ).toThrow(/batch: is for handlers of batches only/);
  });
});
