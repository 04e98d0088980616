import { systemClock } from '@rookery/core';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventContract } from '../contract/contract.js';
import type { StandardSchema } from '../contract/standard-schema.js';
import type { Subscription } from '../consumer/messaging-runtime.js';
import { HEADER } from '../envelope/header-names.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { MessageNotFirstError } from '../messaging.errors.js';
import {
  TestService,
  uniqueEvent,
  uniqueName,
  until,
  type TestServiceOptions,
} from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();
const NEVER = new AbortController().signal;
const BY = { actor: 'ann', reason: 'fixed', signal: NEVER };

let broken: Set<string>;

beforeAll(async () => {
  await db.unitOfWork.query('create table effects (id bigserial, what text not null)');
});
beforeEach(async () => {
  await db.clear();
  broken = new Set();
});
afterEach(() => TestService.stopAll());

const service = (name: string, options?: TestServiceOptions): Promise<TestService> =>
  TestService.create(name, { host: db.unitOfWork, brokers: kafka.brokers }, options);

async function effects(key?: string): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ what: string }>(
    'select what from effects order by id',
  );
  return rows.map(({ what }) => what).filter((what) => key === undefined || what.startsWith(key));
}

/** Keeps `<key><n>`, and fails for what is broken. */
function keeper(
  event: ReturnType<typeof uniqueEvent>,
  more: Partial<Subscription> = {},
): Subscription<EventContract> {
  return {
    consumer: 'keeper',
    contracts: [event],
    onFailure: 'park',
    handle: async (data) => {
      const { key, n } = data as { key: string; n: number };
      await db.unitOfWork.query('insert into effects (what) values ($1)', [`${key}${n}`]);
      if (broken.has(`${key}${n}`)) throw new Error(`cannot take ${key}${n}`);
    },
    ...more,
  } as Subscription<EventContract>;
}

interface Parked {
  id: string;
  message_id: string;
  status: string;
  reason: string;
  attempts: number;
}

async function failed(status = 'parked'): Promise<Parked[]> {
  const { rows } = await db.unitOfWork.query<Parked & { row: string }>(
    `select id::text as row, message_id, status, reason, attempts from rookery_failed_messages
      where status = $1 order by id`,
    [status],
  );
  return rows.map(({ row, ...rest }) => ({ ...rest, id: row }));
}

async function lag(of: TestService, group: string, topic: string): Promise<number> {
  const lags = await of.driver.admin().lag(group, [topic]);
  return lags.reduce((sum, each) => sum + each.lag, 0);
}

describe('parking on PostgreSQL and a Kafka broker', () => {
  it('K1: keeps a poison message and what follows of its key, in order, while other keys and offsets go on', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const one = await service(name);
    broken.add('bad2');
    one.engine.runtime.subscribe(keeper(Happened));
    await one.start();
    const { publisher } = one.engine;
    for (let n = 1; n <= 4; n += 1) {
      for (const key of ['bad', 'good']) {
        await publisher.publish(Happened, { key, n }, { id: `${key}-${n}` });
      }
    }
    await until(async () => (await failed()).length === 3 && (await effects()).length === 5);
    await until(async () => (await lag(one, name, Happened.topic)) === 0);
    expect(await effects('good')).toEqual(['good1', 'good2', 'good3', 'good4']);
    expect(await effects('bad')).toEqual(['bad1']);
    expect(await failed()).toMatchObject([
      { message_id: 'bad-2', reason: 'retries-exhausted', attempts: 3 },
      { message_id: 'bad-3', reason: 'behind-parked', attempts: 0 },
      { message_id: 'bad-4', reason: 'behind-parked', attempts: 0 },
    ]);
    expect(one.told.deadLetters).toEqual([]);

    // After a restart the key still waits.
    await one.stop();
    const two = await service(name);
    two.engine.runtime.subscribe(keeper(Happened));
    await two.start();
    await two.engine.publisher.publish(Happened, { key: 'bad', n: 5 }, { id: 'bad-5' });
    await two.engine.publisher.publish(Happened, { key: 'good', n: 5 }, { id: 'good-5' });
    await until(async () => (await failed()).length === 4);
    await until(async () => (await effects('good')).length === 5);
    expect(await effects('bad')).toEqual(['bad1']);

    // It fails again, and nothing passes it.
    const [head, behind] = (await failed()) as [Parked, Parked];
    await expect(two.engine.replayer.replay(behind.id, BY)).rejects.toThrow(MessageNotFirstError);
    expect(await two.engine.replayer.replayKey(head.id, BY)).toMatchObject({
      replayed: 0,
      stopped: { id: head.id, error: 'Error: cannot take bad2' },
    });
    expect((await failed())[0]).toMatchObject({ attempts: 4 });

    // It is mended: the key goes on in order, and new messages are handled at once.
    broken.clear();
    expect(await two.engine.replayer.replayKey(head.id, BY)).toEqual({ replayed: 4, more: false });
    await two.engine.publisher.publish(Happened, { key: 'bad', n: 6 }, { id: 'bad-6' });
    await until(async () => (await effects('bad')).length === 6);
    expect(await effects('bad')).toEqual(['bad1', 'bad2', 'bad3', 'bad4', 'bad5', 'bad6']);
    expect(await failed()).toEqual([]);
  });

  it('keeps the order of a key while another instance replays it and messages arrive', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const instances = [await service(name), await service(name)];
    broken.add('a1');
    for (const { engine, start } of instances) {
      engine.runtime.subscribe(keeper(Happened, { retry: { attempts: 1 } }));
      await start();
    }
    const [{ engine }] = instances as [TestService];
    const count = 120;
    const publish = async (): Promise<void> => {
      for (let n = 1; n <= count; n += 1) {
        await engine.publisher.publish(Happened, { key: 'a', n }, { id: `a-${n}` });
        await systemClock.sleep(1);
      }
    };
    const publishing = publish();
    await until(async () => (await failed()).length >= 10);
    const [head] = (await failed()) as [Parked];
    broken.clear();
    // Both at once: one of them finds the key in use, or nothing left.
    let replayed = 0;
    await Promise.all(
      instances.map(async (each) => {
        await until(async () => {
          const result = await each.engine.replayer.replayKey(head.id, BY).catch(() => undefined);
          replayed += result?.replayed ?? 0;
          return (await failed()).length === 0;
        });
      }),
    );
    await publishing;
    await until(async () => {
      const [next] = await failed();
      if (next !== undefined) await engine.replayer.replayKey(next.id, BY).catch(() => undefined);
      return (await effects('a')).length >= count;
    });
    expect(replayed).toBeGreaterThan(0);
    expect(await effects('a')).toEqual(Array.from({ length: count }, (_, i) => `a${i + 1}`));
  });

  it('parks for one handler only: another one of the group goes on with the key', async () => {
    const Happened = uniqueEvent();
    const one = await service(uniqueName());
    broken.add('a1');
    const seen: number[] = [];
    one.engine.runtime.subscribe(keeper(Happened, { retry: { attempts: 1 } }));
    one.engine.runtime.subscribe({
      consumer: 'other',
      contracts: [Happened],
      handle: async ({ n }) => void seen.push(n ?? 0),
    });
    await one.start();
    for (let n = 1; n <= 3; n += 1) await one.engine.publisher.publish(Happened, { key: 'a', n });
    await until(async () => (await failed()).length === 3 && seen.length === 3);
    expect(seen).toEqual([1, 2, 3]);
    expect(await effects()).toEqual([]);
  });

  it('parks for a handler without transaction, which is replayed in order too', async () => {
    const Happened = uniqueEvent();
    const one = await service(uniqueName());
    const seen: number[] = [];
    let fails = true;
    one.engine.runtime.subscribe({
      consumer: 'cache',
      contracts: [Happened],
      onFailure: 'park',
      effects: 'at-least-once',
      retry: { attempts: 1 },
      handle: async ({ n }) => {
        if (fails) throw new Error('no');
        seen.push(n ?? 0);
      },
    });
    await one.start();
    for (let n = 1; n <= 3; n += 1) await one.engine.publisher.publish(Happened, { key: 'a', n });
    await until(async () => (await failed()).length === 3);
    fails = false;
    await one.engine.replayer.replayKey((await failed())[0]?.id ?? '', BY);
    await one.engine.publisher.publish(Happened, { key: 'a', n: 4 });
    await until(() => seen.length === 4);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('remembers no more than so many keys, and then asks for each message', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    await db.unitOfWork.query(
      `insert into rookery_failed_messages (status, consumer, consumer_group, message_id, topic,
         partition, record_offset, record_time, key, headers, reason, attempts)
       select 'parked', 'keeper', $1, 'm' || n, $2, 0, n, now(), ('k' || n)::bytea, '{}', 'x', 1
         from generate_series(1, 1500) as n`,
      [name, Happened.topic],
    );
    const one = await service(name);
    one.engine.runtime.subscribe(keeper(Happened));
    await one.start();
    await one.engine.publisher.publish(Happened, { key: 'k1500', n: 1 }, { id: 'behind' });
    await one.engine.publisher.publish(Happened, { key: 'free', n: 1 });
    await until(async () => (await effects()).length === 1);
    await until(async () => (await failed()).length === 1_501);
    expect(await effects()).toEqual(['free1']);
    expect((await failed()).at(-1)?.message_id).toBe('behind');
  });

  it('keeps a dead message in the table too, where it can be replayed although its key went on', async () => {
    const Happened = uniqueEvent();
    const one = await service(uniqueName());
    broken.add('a1');
    one.engine.runtime.subscribe(
      keeper(Happened, { onFailure: 'dead-letter', retry: { attempts: 1 } }),
    );
    await one.start();
    for (let n = 1; n <= 2; n += 1) await one.engine.publisher.publish(Happened, { key: 'a', n });
    await until(async () => (await effects()).length === 1);
    const [dead] = (await failed('dead')) as [Parked];
    expect(one.told.deadLetters).toEqual([`${Happened.topic} retries-exhausted`]);
    broken.clear();
    expect(await one.engine.replayer.replay(dead.id, BY)).toEqual({ outcome: 'handled' });
    expect(await effects()).toEqual(['a2', 'a1']);
    await expect(one.engine.replayer.replay(dead.id, BY)).rejects.toMatchObject({
      code: 'RKY_MSG_CHANGED',
    });
    expect((await one.engine.operations.show(dead.id)).actions).toMatchObject([
      { action: 'replay', actor: 'ann', reason: 'fixed', outcome: 'handled' },
    ]);
  });

  it('asks nothing of the database about keys while none of them waits', async () => {
    const Happened = uniqueEvent();
    const one = await service(uniqueName(), { messaging: { topics: { partitions: 1 } } });
    const asked = vi.spyOn(db.unitOfWork, 'query');
    one.engine.runtime.subscribe(keeper(Happened));
    await one.start();
    for (let n = 1; n <= 50; n += 1) {
      await one.engine.publisher.publish(Happened, { key: `k${n % 5}`, n });
    }
    await until(async () => (await effects()).length === 50);
    const about = asked.mock.calls.filter(([sql]) => sql.includes('rookery_failed_messages'));
    asked.mockRestore();
    // What the partition begins with.
    expect(about).toHaveLength(1);
  });

  it('handles what nobody could read once an operator has mended it', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const one = await service(name);
    one.engine.runtime.subscribe(keeper(Happened, { onFailure: 'dead-letter' }));
    one.engine.runtime.subscribe(
      keeper(Happened, { consumer: 'second', onFailure: 'dead-letter' }),
    );
    await one.start();
    const headers = {
      [HEADER.specVersion]: '1.0',
      [HEADER.id]: 'broken',
      [HEADER.type]: Happened.name,
    };
    await one.driver.producer().send([{ topic: Happened.topic, key: 'a', value: '{bad', headers }]);
    await until(async () => (await failed('dead')).length === 1);
    const { operations } = one.engine;
    const [dead] = (await failed('dead')) as [Parked];
    expect(await operations.show(dead.id)).toMatchObject({
      consumer: name,
      reason: 'bad-json',
      payload: { base64: Buffer.from('{bad').toString('base64'), bytes: 4 },
    });
    expect(await one.engine.replayer.replay(dead.id, BY)).toMatchObject({ outcome: 'failed' });
    const { revision } = await operations.show(dead.id);
    await operations.edit(dead.id, { revision, reason: 'x', payload: { key: 'a', n: 1 } }, 'ann');
    expect(await one.engine.replayer.replay(dead.id, BY)).toEqual({ outcome: 'handled' });
    // By each of the handlers that would have got it.
    expect(await effects()).toEqual(['a1', 'a1']);
  });

  it('parks a version that it cannot read yet, and handles it once a release can', async () => {
    const Happened = { ...uniqueEvent(), compatibility: 'BACKWARD' as const };
    const name = uniqueName();
    const one = await service(name);
    one.engine.runtime.subscribe(keeper(Happened));
    await one.start();
    const V1 = Happened.versions[1] as StandardSchema;
    const Newer = {
      ...Happened,
      latest: 2,
      versions: { 1: V1, 2: V1 },
      upcast: { 1: (data: never) => data },
    };
    await one.engine.publisher.publish(Newer, { key: 'a', n: 1 });
    await one.engine.publisher.publish(Happened, { key: 'a', n: 2 });
    await until(async () => (await failed()).length === 2);
    expect(await failed()).toMatchObject([
      { reason: 'unknown-version' },
      { reason: 'behind-parked' },
    ]);
    await one.stop();
    const two = await service(name);
    two.engine.runtime.subscribe(keeper(Newer as never));
    await two.start();
    const [head] = (await failed()) as [Parked];
    expect(await two.engine.replayer.replayKey(head.id, BY)).toMatchObject({ replayed: 2 });
    expect(await effects()).toEqual(['a1', 'a2']);
  });
});
