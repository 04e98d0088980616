import { Injectable, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { Lifecycle, PROBLEM_JSON } from '@rookery/core';
import { KafkaModule, MemoryBroker } from '@rookery/kafka';
import { createLogger, ObservabilityModule } from '@rookery/observability';
import { PersistenceModule, TransactionHost } from '@rookery/persistence';
import { ProblemFilter } from '@rookery/platform';
import { SecurityModule } from '@rookery/security';
import { TokenMaker } from '@rookery/security/testing';
import { useDatabase } from '@rookery/testing/database';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DataOf } from '../contract/contract.js';
import { defineEvent } from '../contract/define-contract.js';
import { OnEvent } from '../handler/on-event.decorator.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { MessagingModule } from '../messaging.module.js';
import { MessagePublisher } from '../publish/message-publisher.js';
import type { ReplayJob } from '../replay/replay-jobs.js';
import { until } from '../testing/test-service.js';
import type { FailedMessage, FailedMessageDetails } from './message-view.js';

const Changed = defineEvent('opsspec.changed', {
  topic: 'opsspec.events',
  owner: 'opsspec',
  key: (data) => data.key,
  versions: {
    1: z.object({ key: z.string(), amount: z.int().positive(), password: z.string().optional() }),
  },
});

const db = useDatabase({ migrations: [messagingMigrations] });
const broken = new Set<number>();
let tokens: TokenMaker;
let app: NestFastifyApplication;

@Injectable()
class Ledger {
  constructor(private readonly host: TransactionHost) {}

  @OnEvent(Changed, { consumer: 'ledger', onFailure: 'park', retry: { attempts: 1 } })
  async book({ key, amount }: DataOf<typeof Changed>): Promise<void> {
    await this.host.query('insert into booked (key, amount) values ($1, $2)', [key, amount]);
    if (broken.has(amount)) throw new Error(`cannot book ${amount}`);
  }

  @OnEvent(Changed, { consumer: 'mailer', retry: { attempts: 1 } })
  async mail({ amount }: DataOf<typeof Changed>): Promise<void> {
    if (broken.has(amount)) throw new Error(`cannot mail ${amount}`);
  }
}

beforeAll(async () => {
  tokens = await TokenMaker.start();
  await db.unitOfWork.query(
    'create table booked (id bigserial, key text not null, amount int not null)',
  );
});
afterAll(() => tokens.stop());
beforeEach(async () => {
  await db.clear();
  broken.clear();
  app = await start(new MemoryBroker());
});
afterEach(() => stop());

async function start(broker: MemoryBroker): Promise<NestFastifyApplication> {
  const store = ConfigStore.of(
    'opsspec',
    { kafka: { driver: 'memory' }, auth: { issuer: tokens.issuer } },
    { DATABASE_URL: db.url, DATABASE_POOL_SIZE: '8' },
  );
  @Module({ providers: [Ledger, { provide: APP_FILTER, useClass: ProblemFilter }] })
  class Feature {}
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot({
        logger: createLogger({
          app: 'opsspec',
          instance: 'opsspec-1',
          destination: new Writable({ write: (_chunk, _encoding, done) => done() }),
        }),
      }),
      SecurityModule.forRoot(),
      PersistenceModule.forRoot({ migrations: [] }),
      KafkaModule.forRoot({ memory: broker }),
      MessagingModule.forRoot(),
      Feature,
    ],
  }).compile();
  const made = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  await made.init();
  await made.get(Lifecycle).start();
  return made;
}

async function stop(): Promise<void> {
  await app.get(Lifecycle).stop();
  await app.close();
}

async function ask<T>(
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: object,
  scopes: string[] | undefined = ['ops:read', 'ops:write'],
): Promise<{ status: number; type: string; body: T }> {
  const authorization = `Bearer ${await tokens.token({ scopes, subject: 'ann' })}`;
  const answer = await app.inject({
    method,
    url: `/manage/messages${path}`,
    headers: scopes.length === 0 ? {} : { authorization },
    ...(body === undefined ? {} : { payload: body }),
  });
  return {
    status: answer.statusCode,
    type: String(answer.headers['content-type']),
    body: answer.json<T>(),
  };
}

interface Page {
  messages: FailedMessage[];
  next?: string;
  counts: { consumer: string; status: string; count: number }[];
}

async function publish(key: string, ...amounts: number[]): Promise<void> {
  for (const amount of amounts) {
    await app
      .get(MessagePublisher)
      .publish(Changed, { key, amount, password: 'hunter2' }, { headers: { 'x-token': 'abc' } });
  }
}

async function booked(): Promise<number[]> {
  const { rows } = await db.unitOfWork.query<{ amount: number }>(
    'select amount from booked order by id',
  );
  return rows.map(({ amount }) => amount);
}

async function list(query = ''): Promise<FailedMessage[]> {
  return (await ask<Page>('GET', query)).body.messages;
}

/** The rows of failed messages that the filter must find, oldest first. */
async function listed(query: string, count: number): Promise<FailedMessage[]> {
  await until(async () => (await list(query)).length === count);
  return (await list(query)).reverse();
}

describe('/manage/messages', () => {
  it('lists failed messages by what they have in common, page by page', async () => {
    broken.add(13);
    await publish('a', 13, 1, 2);
    await publish('b', 13, 3);
    const parked = await listed('?consumer=ledger', 5);
    expect(parked.map(({ reason, key }) => [key, reason])).toEqual(
      expect.arrayContaining([
        ['a', 'retries-exhausted'],
        ['a', 'behind-parked'],
      ]),
    );
    await listed('?status=dead', 2);
    expect(await list('?key=b&status=parked')).toHaveLength(2);
    expect(await list('?type=opsspec.changed&topic=opsspec.events&limit=200')).toHaveLength(7);
    expect(await list('?reason=behind-parked')).toHaveLength(3);
    expect(await list('?code=NOPE')).toHaveLength(0);
    expect(await list('?olderThan=1h')).toHaveLength(0);
    expect(await list('?newerThan=1h')).toHaveLength(7);
    const pages: string[] = [];
    let before = '';
    for (let page = 0; page < 4; page += 1) {
      const { body } = await ask<Page>('GET', `?limit=3${before}`);
      pages.push(...body.messages.map(({ id }) => id));
      if (body.next === undefined) break;
      before = `&before=${body.next}`;
    }
    expect(new Set(pages).size).toBe(7);
    const { counts } = (await ask<Page>('GET', '')).body;
    expect(counts).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ consumer: 'ledger', status: 'parked', count: 5 }),
        expect.objectContaining({ consumer: 'mailer', status: 'dead', count: 2 }),
      ]) as object,
    );
  });

  it('edits against the contract, keeps the original, replays the key in order, and says who and why', async () => {
    broken.add(13);
    await publish('a', 13, 1, 2);
    const [head] = (await listed('?consumer=ledger', 3)) as [FailedMessage];
    const shown = (await ask<FailedMessageDetails>('GET', `/${head.id}`)).body;
    expect(shown).toMatchObject({
      error: 'Error: cannot book 13',
      payload: { json: { key: 'a', amount: 13, password: '[redacted]' } },
      headers: { 'x-token': '[redacted]', ce_type: 'opsspec.changed' },
    });
    const { revision } = shown;
    const why = { revision, reason: 'wrong amount' };
    const wrong = await ask<{ code: string; detail: string }>('PATCH', `/${head.id}`, {
      ...why,
      patch: { amount: -1 },
    });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'RKY_MSG_EDIT' } });
    expect(wrong.body.detail).toContain('amount');
    expect(wrong.type).toContain(PROBLEM_JSON);
    // What is masked must not come back as content, and the id must stay.
    for (const body of [
      { ...why, payload: (shown.payload as { json: object }).json },
      { ...why, headers: { ce_id: 'other' } },
    ]) {
      expect((await ask('PATCH', `/${head.id}`, body)).status).toBe(422);
    }
    const edited = await ask<FailedMessageDetails>('PATCH', `/${head.id}`, {
      ...why,
      patch: { amount: 14 },
    });
    expect(edited).toMatchObject({
      status: 200,
      body: {
        edited: true,
        revision: revision + 1,
        payload: { json: { amount: 13 } },
        editedPayload: { json: { amount: 14 } },
      },
    });
    // Somebody else has still the old one in front of them.
    expect(await ask('PATCH', `/${head.id}`, { ...why, patch: { amount: 15 } })).toMatchObject({
      status: 409,
      body: { code: 'RKY_MSG_CHANGED' },
    });
    const replayed = await ask('POST', `/${head.id}/replay-key`, { reason: 'amount mended' });
    expect(replayed).toMatchObject({ status: 200, body: { replayed: 3, more: false } });
    expect(await booked()).toEqual([14, 1, 2]);
    const { rows } = await db.unitOfWork.query<{ value: Buffer; edited_value: Buffer }>(
      'select value, edited_value from rookery_failed_messages where id = $1',
      [head.id],
    );
    expect(JSON.parse(String(rows[0]?.value))).toMatchObject({ amount: 13, password: 'hunter2' });
    expect(JSON.parse(String(rows[0]?.edited_value))).toMatchObject({
      amount: 14,
      password: 'hunter2',
    });
    const { actions } = (await ask<FailedMessageDetails>('GET', `/${head.id}`)).body;
    expect(actions).toMatchObject([
      { action: 'edit', actor: 'ann', reason: 'wrong amount' },
      { action: 'replay', actor: 'ann', reason: 'amount mended', outcome: 'handled' },
    ]);
  });

  it('discards with a reason, after which the next of the key is the first', async () => {
    broken.add(13);
    await publish('a', 13, 1);
    const [head, next] = (await listed('?consumer=ledger', 2)) as [FailedMessage, FailedMessage];
    const early = await ask('POST', `/${next.id}/replay`, { reason: 'me first' });
    expect(early).toMatchObject({ status: 409, body: { code: 'RKY_MSG_NOT_FIRST' } });
    expect((await ask('POST', `/${head.id}/discard`, { revision: 1 })).status).toBe(400);
    const done = await ask('POST', `/${head.id}/discard`, { revision: 1, reason: 'a test order' });
    expect(done).toMatchObject({ status: 200, body: { status: 'discarded' } });
    expect(await ask('POST', `/${next.id}/replay`, { reason: 'go on' })).toMatchObject({
      status: 200,
      body: { outcome: 'handled' },
    });
    expect(await booked()).toEqual([1]);
    await publish('a', 2);
    await until(async () => (await booked()).length === 2);
  });

  it('replays what a filter finds at a limited rate, goes on after a restart, and can be cancelled', async () => {
    for (let n = 100; n < 130; n += 1) broken.add(n);
    await publish('a', ...broken);
    await listed('?consumer=mailer&limit=200', 30);
    broken.clear();
    const begun = performance.now();
    const job = await ask<ReplayJob>('POST', '/replays', {
      reason: 'mail works again',
      filter: { consumer: 'mailer', status: 'dead' },
      perSecond: 20,
    });
    expect(job).toMatchObject({ status: 202, body: { status: 'running', matching: 30 } });
    const progress = async (id = job.body.id): Promise<ReplayJob> =>
      (await ask<ReplayJob>('GET', `/replays/${id}`)).body;
    await until(async () => (await progress()).replayed >= 5);
    await stop();
    const kept = await db.unitOfWork.query<{ replayed: number; status: string }>(
      'select replayed, status from rookery_replay_jobs',
    );
    expect(kept.rows[0]?.status).toBe('running');
    expect(kept.rows[0]?.replayed).toBeLessThan(30);
    app = await start(new MemoryBroker());
    await until(async () => (await progress()).status === 'done');
    expect(await progress()).toMatchObject({ replayed: 30, failed: 0, skipped: 0, actor: 'ann' });
    expect(performance.now() - begun).toBeGreaterThan(1_000);
    expect(await list('?status=replayed&limit=200')).toHaveLength(30);

    // The parked ones: slow enough to be cancelled.
    const slow = await ask<ReplayJob>('POST', '/replays', {
      reason: 'book them',
      filter: { status: 'parked' },
      perSecond: 2,
    });
    await until(async () => (await progress(slow.body.id)).replayed >= 1);
    expect(await ask('POST', `/replays/${slow.body.id}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    });
    const { replayed } = await progress(slow.body.id);
    const left = await list('?status=parked&limit=200');
    expect(left.length).toBeGreaterThanOrEqual(30 - replayed - 1);
    expect(await booked()).toEqual(
      Array.from({ length: (await booked()).length }, (_, i) => 100 + i),
    );
    expect((await ask<{ replays: ReplayJob[] }>('GET', '/replays')).body.replays).toHaveLength(2);
  });

  it('is for operators, who may read or also change', async () => {
    broken.add(13);
    await publish('a', 13);
    const [head] = (await listed('?consumer=ledger', 1)) as [FailedMessage];
    expect((await ask('GET', '', undefined, [])).status).toBe(401);
    expect((await ask('GET', '', undefined, ['orders:read'])).status).toBe(403);
    expect((await ask('GET', '', undefined, ['ops:read'])).status).toBe(200);
    const replay = ask('POST', `/${head.id}/replay`, { reason: 'x' }, ['ops:read']);
    expect((await replay).status).toBe(403);
  });

  it.each([
    ['GET', '/no-number', undefined, 400],
    ['GET', '/999999', undefined, 404],
    ['GET', '?limit=0', undefined, 400],
    ['GET', '?colour=red', undefined, 400],
    ['GET', '?olderThan=soon', undefined, 400],
    ['GET', '?key=%00', undefined, 400],
    ['GET', '/replays/no-uuid', undefined, 404],
    ['POST', '/1/replay', { reason: ' ' }, 400],
    ['POST', '/999999/replay', { reason: 'x' }, 404],
    ['POST', '/replays', { reason: 'x', perSecond: 0 }, 400],
    ['PATCH', '/1', { reason: 'x', revision: 1, payload: 1, patch: 2 }, 400],
  ] as const)('refuses %s %s', async (method, path, body, status) => {
    const answer = await ask<{ code: string }>(method, path, body);
    expect(answer).toMatchObject({ status, body: { status } });
    expect(answer.body.code).toMatch(/^RKY_MSG_/);
    expect(answer.type).toContain(PROBLEM_JSON);
  });
});
