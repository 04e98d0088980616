import { Injectable, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { Lifecycle } from '@rookery/core';
import { KafkaModule, MemoryBroker } from '@rookery/kafka';
import {
  defineEvent,
  MessagePublisher,
  MessagingModule,
  messagingMigrations,
  OnEvent,
  type DataOf,
} from '@rookery/messaging';
import { createLogger, ObservabilityModule } from '@rookery/observability';
import { PersistenceModule } from '@rookery/persistence';
import { ProblemFilter } from '@rookery/platform';
import { SecurityModule } from '@rookery/security';
import { TokenMaker } from '@rookery/security/testing';
import { useDatabase } from '@rookery/testing/database';
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import {
  cancelReplay,
  discardMessage,
  editMessage,
  listMessages,
  listReplays,
  replayMessages,
  showMessage,
  type RawMessageOptions,
} from './messages.js';

const Paid = defineEvent('clispec.paid', {
  topic: 'clispec.events',
  owner: 'clispec',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string(), n: z.int() }) },
});

const db = useDatabase({ migrations: [messagingMigrations] });
const booked: number[] = [];
let tokens: TokenMaker;
let app: NestFastifyApplication;
let target: RawMessageOptions;
let said: string[] = [];
// Some terminals, and CI, have it styled.
const say = (text: string): void => void said.push(stripVTControlCharacters(text));

@Injectable()
class Books {
  @OnEvent(Paid, { consumer: 'books', onFailure: 'park', retry: { attempts: 1 } })
  async book({ n }: DataOf<typeof Paid>): Promise<void> {
    if (n < 0) throw new Error(`cannot book ${n}`);
    booked.push(n);
  }
}

@Module({ providers: [Books, { provide: APP_FILTER, useClass: ProblemFilter }] })
class Feature {}

beforeAll(async () => {
  tokens = await TokenMaker.start();
  const store = ConfigStore.of(
    'clispec',
    { kafka: { driver: 'memory' }, auth: { issuer: tokens.issuer } },
    { DATABASE_URL: db.url, DATABASE_POOL_SIZE: '8' },
  );
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot({
        logger: createLogger({
          app: 'clispec',
          instance: 'clispec-1',
          destination: new Writable({ write: (_chunk, _encoding, done) => done() }),
        }),
      }),
      SecurityModule.forRoot(),
      PersistenceModule.forRoot({ migrations: [] }),
      KafkaModule.forRoot({ memory: new MemoryBroker() }),
      MessagingModule.forRoot(),
      Feature,
    ],
  }).compile();
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  await app.listen(0, '127.0.0.1');
  await app.get(Lifecycle).start();
  target = {
    app: 'books',
    url: await app.getUrl(),
    token: await tokens.token({ scopes: ['ops:read', 'ops:write'], subject: 'ann' }),
  };
});
afterAll(async () => {
  await app.get(Lifecycle).stop();
  await app.close();
  await tokens.stop();
});

interface Listed {
  books: { messages: { id: string }[] };
}

async function parked(count: number): Promise<string[]> {
  let ids: string[] = [];
  await expect
    .poll(
      async () => {
        said = [];
        await listMessages({ ...target, status: 'parked', json: true }, say);
        const { books } = JSON.parse(said[0] ?? '') as Listed;
        ids = books.messages.map(({ id }) => id).reverse();
        return ids.length;
      },
      { timeout: 15_000 },
    )
    .toBe(count);
  said = [];
  return ids;
}

it('lists, shows, edits, replays and discards failed messages of a running service', async () => {
  for (const n of [-1, 2, -3, 4]) await app.get(MessagePublisher).publish(Paid, { key: 'k', n });
  const [first, , third] = await parked(4);

  await listMessages({ ...target, key: 'k', limit: '3' }, say);
  expect(said[0]).toContain('clispec.paid key k');
  expect(said[0]).toMatch(/more of books: --app books --before \d+$/);

  said = [];
  await showMessage(`books/${first}`, target, say);
  expect(JSON.parse(said[0] ?? '')).toMatchObject({
    error: 'Error: cannot book -1',
    payload: { json: { key: 'k', n: -1 } },
  });

  const why = { ...target, reason: 'sign was wrong' };
  await expect(editMessage(`books/${first}`, { ...why, patch: '{"n":"x"}' }, say)).rejects.toThrow(
    /RKY_MSG_EDIT/,
  );
  await expect(editMessage(`books/${first}`, { ...why, patch: '{n' }, say)).rejects.toThrow(
    /no JSON/,
  );
  await editMessage(`books/${first}`, { ...why, patch: '{"n":1}', header: ['x-by=ann'] }, say);
  said = [];
  expect(await replayMessages(`books/${first}`, { ...why, wholeKey: true }, say)).toBe(false);
  expect(said[0]).toBe(`2 replayed; books/${third} failed: Error: cannot book -3`);
  expect(booked).toEqual([1, 2]);

  await expect(discardMessage(`books/${third}`, target, say)).rejects.toThrow(
    /a reason is missing/,
  );
  await discardMessage(`books/${third}`, { ...target, reason: 'a test' }, say);
  said = [];
  expect(await replayMessages(undefined, { ...why, status: 'parked', wait: true }, say)).toBe(true);
  expect(said[0]).toMatch(/done {2}1 of 1 replayed, 0 failed, 0 skipped {2}ann: sign was wrong/);
  expect(booked).toEqual([1, 2, 4]);

  const id = /books\/(\S+)/.exec(said[0] ?? '')?.[1];
  said = [];
  await listReplays(target, say);
  await cancelReplay(`books/${id}`, target, say);
  expect(said).toHaveLength(2);
  said = [];
  await listMessages({ ...target, status: 'parked' }, say);
  expect(said).toEqual(['no message has failed that is like this']);
});

it('says what is wrong in a line', async () => {
  const why = { ...target, reason: 'x' };
  await expect(showMessage('books/999', target, say)).rejects.toThrow(/RKY_MSG_NOT_FOUND/);
  await expect(showMessage('what?', target, say)).rejects.toThrow(/app and id, as in orders\/42/);
  await expect(showMessage('orders/1', { ...target, url: 'nowhere' }, say)).rejects.toThrow(
    /is no address/,
  );
  await expect(
    replayMessages('books/1', { ...why, url: 'http://127.0.0.1:1' }, say),
  ).rejects.toThrow(/does not answer/);
  await expect(replayMessages(undefined, { reason: 'x' }, say)).rejects.toThrow(/replay of what/);
  const reader = await tokens.token({ scopes: ['ops:read'] });
  await expect(discardMessage('books/1', { ...why, token: reader }, say)).rejects.toThrow(
    /ops:write/,
  );
});
