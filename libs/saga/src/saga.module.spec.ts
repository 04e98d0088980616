import { Module, type Type } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { Lifecycle } from '@rookery/core';
import { KafkaModule, MemoryBroker } from '@rookery/kafka';
import { MessagePublisher, messagingMigrations, MessagingModule } from '@rookery/messaging';
import {
  createLogger,
  currentTraceId,
  Metrics,
  ObservabilityModule,
  Tracing,
} from '@rookery/observability';
import { PersistenceModule } from '@rookery/persistence';
import { SecurityModule } from '@rookery/security';
import { TokenMaker } from '@rookery/security/testing';
import { useDatabase } from '@rookery/testing/database';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SagaDetails } from './operations/saga-operations.js';
import { SagaOperations } from './operations/saga-operations.js';
import { sagaId } from './engine/command-id.js';
import { sagaMigrations } from './saga.migrations.js';
import { SagaModule } from './saga.module.js';
import * as shop from './testing/place-order.fixture.js';
import { Inventory, Payments, placeOrder, traces } from './testing/services.fixture.js';

const orders = useDatabase({ migrations: [messagingMigrations, sagaMigrations] });
const others = useDatabase({ migrations: [messagingMigrations] });
let broker: MemoryBroker;
let tokens: TokenMaker;
const open: NestFastifyApplication[] = [];

beforeAll(async () => {
  tokens = await TokenMaker.start();
  await orders.database.pool.query('create table books (order_id text, what text)');
});
afterAll(() => tokens.stop());
beforeEach(async () => {
  broker = new MemoryBroker();
  traces.length = 0;
  await Promise.all([orders.clear(), others.clear()]);
});
afterEach(async () => {
  for (const app of open.slice()) await close(app);
});

async function close(app: NestFastifyApplication): Promise<void> {
  open.splice(open.indexOf(app), 1);
  await app.get(Lifecycle).stop();
  await app.close();
}

async function start(name: string, url: string, parts: Type[], sagas: Type[] = []) {
  const store = ConfigStore.of(
    name,
    {
      kafka: { driver: 'memory' },
      auth: { issuer: tokens.issuer },
      messaging: { retry: { attempts: 3, backoff: { initial: 10 } } },
      saga: { pollInterval: 200 },
    },
    { DATABASE_URL: url, DATABASE_POOL_SIZE: '6' },
  );
  @Module({ providers: parts })
  class Feature {}
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot({
        logger: createLogger({
          app: name,
          instance: `${name}-1`,
          destination: new Writable({ write: (_chunk, _encoding, done) => done() }),
        }),
      }),
      SecurityModule.forRoot(),
      PersistenceModule.forRoot({ migrations: [] }),
      KafkaModule.forRoot({ memory: broker }),
      MessagingModule.forRoot(),
      ...(sagas.length === 0 ? [] : [SagaModule.forRoot(sagas)]),
      Feature,
    ],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  open.push(app);
  await app.init();
  await app.get(Lifecycle).start();
  return app;
}

const Patient = placeOrder('30s');
const Impatient = placeOrder('700ms');
const orchestrator = (saga = Patient) => start('orders', orders.url, [saga], [saga]);
const inventory = () => start('inventory', others.url, [Inventory]);
const payments = () => start('payments', others.url, [Payments]);

async function place(app: NestFastifyApplication, orderId: string): Promise<string | undefined> {
  return app.get(Tracing).run('POST /orders', { kind: 'server' }, async () => {
    await app.get(MessagePublisher).publish(shop.OrderPlaced, { orderId });
    return currentTraceId();
  });
}

const find = (app: NestFastifyApplication, orderId: string): Promise<SagaDetails> =>
  app.get(SagaOperations).find(sagaId('place-order', orderId));

async function ended(app: NestFastifyApplication, orderId: string): Promise<SagaDetails> {
  await expect
    .poll(
      () =>
        find(app, orderId).then(
          ({ endedAt }) => endedAt !== undefined,
          () => false,
        ),
      {
        timeout: 10_000,
        interval: 10,
      },
    )
    .toBe(true);
  return find(app, orderId);
}

const books = async (orderId: string): Promise<string[]> => {
  const { rows } = await orders.database.pool.query<{ what: string }>(
    'select what from books where order_id = $1',
    [orderId],
  );
  return rows.map(({ what }) => what);
};

const asked = (orderId: string): string[] =>
  traces.filter((entry) => entry.orderId === orderId).map(({ what }) => what);

describe('sagas of a service, over PostgreSQL and messages', () => {
  it('see an order through, in one trace with one correlation id', async () => {
    const app = await orchestrator();
    await Promise.all([inventory(), payments()]);
    const traceId = await place(app, 'o-1');
    const saga = await ended(app, 'o-1');
    expect(saga).toMatchObject({ state: 'completed', key: 'o-1', traceId });
    expect(saga.timeline.at(-1)?.what).toBe('completed');
    expect(await books('o-1')).toEqual(['accepted', 'approved']);
    expect(asked('o-1').sort()).toEqual(['authorize', 'capture', 'reserve', 'ship']);
    expect(new Set(traces.map((entry) => entry.traceId))).toEqual(new Set([traceId]));
    expect(new Set(traces.map((entry) => entry.correlationId))).toEqual(
      new Set([saga.correlationId]),
    );
    const exposed = await app.get(Metrics).expose();
    expect(exposed).toMatch(/rookery_saga_instances\{.*saga="place-order",state="completed".*\} 1/);
    expect(exposed).toMatch(
      /rookery_saga_step_seconds_count\{.*step="capture",outcome="done".*\} 1/,
    );
  });

  it('undo an order that is refused, and say why', async () => {
    const app = await orchestrator();
    await Promise.all([inventory(), payments()]);
    await place(app, 'empty-1');
    await place(app, 'poor-1');
    expect(await ended(app, 'empty-1')).toMatchObject({
      state: 'compensated',
      reason: 'OUT_OF_STOCK',
    });
    expect(await ended(app, 'poor-1')).toMatchObject({
      state: 'compensated',
      reason: 'CARD_REFUSED',
    });
    expect(await books('empty-1')).toEqual(['accepted', 'rejected OUT_OF_STOCK']);
    expect(await books('poor-1')).toEqual(['accepted', 'rejected CARD_REFUSED']);
    expect(asked('poor-1').sort()).toEqual(['authorize', 'release', 'reserve']);
  });

  it('do not wait for a dead service for ever, and undo what it does when it is back', async () => {
    const app = await orchestrator(Impatient);
    await inventory();
    const traceId = await place(app, 'o-2');
    expect(await ended(app, 'o-2')).toMatchObject({
      state: 'compensated',
      reason: 'AUTHORIZE_TIMEOUT',
    });
    expect(await books('o-2')).toEqual(['accepted', 'rejected AUTHORIZE_TIMEOUT']);
    await payments();
    // Handlers of different commands do not wait for each other, so an undo may come too soon; then
    // another follows.
    const settled = async (): Promise<boolean> => {
      const done = asked('o-2').filter((what) => what === 'authorize' || what === 'void');
      const { steps } = await find(app, 'o-2');
      const { status } = steps.find(({ name }) => name === 'authorize') ?? {};
      return done.includes('authorize') && done.at(-1) === 'void' && status === 'compensated';
    };
    await expect.poll(settled, { timeout: 10_000 }).toBe(true);
    expect(asked('o-2').filter((what) => what === 'authorize')).toHaveLength(1);
    expect(await ended(app, 'o-2')).toMatchObject({ state: 'compensated' });
    // What the timer sent is of the same trace as what the request caused.
    expect(new Set(traces.map((entry) => entry.traceId))).toEqual(new Set([traceId]));
  });

  it('go on where they were when the orchestrator is restarted in the middle', async () => {
    const [first] = await Promise.all([orchestrator(), payments()]);
    const traceId = await place(first, 'o-3');
    const authorized = async (): Promise<unknown> =>
      (await find(first, 'o-3')).steps.find(({ name }) => name === 'authorize')?.status;
    await expect.poll(() => authorized().catch(() => undefined), { timeout: 10_000 }).toBe('done');
    await close(first);
    await inventory();
    await expect.poll(() => asked('o-3'), { timeout: 10_000 }).toContain('reserve');
    const second = await orchestrator();
    expect(await ended(second, 'o-3')).toMatchObject({ state: 'completed', traceId });
    expect(await books('o-3')).toEqual(['accepted', 'approved']);
    expect([...asked('o-3')].sort()).toEqual(['authorize', 'capture', 'reserve', 'ship']);
    expect(new Set(traces.map((entry) => entry.traceId))).toEqual(new Set([traceId]));
  });

  it('are shared by several orchestrators without doing anything twice', async () => {
    const [app] = await Promise.all([orchestrator(), orchestrator(), inventory(), payments()]);
    const names = Array.from({ length: 30 }, (_, n) => `${['o', 'empty', 'poor'][n % 3]}-m${n}`);
    for (const name of names) await place(app, name);
    for (const name of names) {
      const saga = await ended(app, name);
      const account = await books(name);
      expect(account).toHaveLength(2);
      expect(account[0]).toBe('accepted');
      expect(saga.state).toBe(name.startsWith('o-') ? 'completed' : 'compensated');
      expect(new Set(asked(name)).size).toBe(asked(name).length);
    }
  });
});

describe('/manage/sagas', () => {
  it('answers operators only', async () => {
    const app = await orchestrator();
    await place(app, 'o-9');
    await expect
      .poll(
        () =>
          find(app, 'o-9').then(
            ({ state }) => state,
            () => undefined,
          ),
        { timeout: 10_000 },
      )
      .toBe('running');
    const ask = async (url: string, scopes?: string[]) =>
      app.inject({
        url,
        headers:
          scopes === undefined ? {} : { authorization: `Bearer ${await tokens.token({ scopes })}` },
      });
    // Without the platform's problem filter the refusal itself is what can be seen.
    for (const scopes of [undefined, ['orders:read']]) {
      expect((await ask('/manage/sagas', scopes)).statusCode).not.toBe(200);
    }
    const list = (await ask('/manage/sagas?saga=place-order&limit=5', ['ops:read'])).json<{
      sagas: { id: string; state: string }[];
      counts: unknown[];
    }>();
    expect(list.sagas).toMatchObject([{ saga: 'place-order', key: 'o-9', state: 'running' }]);
    expect(list.counts).toEqual([{ saga: 'place-order', state: 'running', count: 1 }]);
    const one = (await ask(`/manage/sagas/${list.sagas[0]?.id}`, ['ops:read'])).json<SagaDetails>();
    expect(one.timeline.length).toBeGreaterThan(2);
    expect(one.steps.map(({ name }) => name)).toEqual([
      'accept',
      'reserve',
      'authorize',
      'capture',
      'ship',
      'approve',
    ]);
    expect((await ask('/manage/sagas?limit=0', ['ops:read'])).statusCode).not.toBe(200);
    expect((await ask('/manage/sagas/unknown', ['ops:read'])).statusCode).not.toBe(200);
  });
});

it('names a saga that no module provides', async () => {
  await expect(start('orders', orders.url, [], [Patient])).rejects.toThrow(
    /saga PlaceOrder: no module provides it/,
  );
});
