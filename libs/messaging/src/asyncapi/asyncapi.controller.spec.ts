import { Injectable, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { KafkaModule, MemoryBroker } from '@rookery/kafka';
import { createLogger, ObservabilityModule } from '@rookery/observability';
import { PersistenceModule } from '@rookery/persistence';
import { ProblemFilter } from '@rookery/platform';
import { SecurityModule } from '@rookery/security';
import { TokenMaker } from '@rookery/security/testing';
import { useDatabase } from '@rookery/testing/database';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { OnEvent } from '../handler/on-event.decorator.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { MessagingModule } from '../messaging.module.js';

const versions = { 1: z.object({ id: z.string() }) };
const key = (data: { id: string }): string => data.id;
const Own = defineEvent('apispec.own', {
  topic: 'apispec.events',
  owner: 'apispec',
  key,
  versions,
});
const Other = defineEvent('other.event', { topic: 'other.events', owner: 'other', key, versions });

@Injectable()
class Handlers {
  @OnEvent(Other)
  async heard(): Promise<void> {}
}
@Module({ providers: [Handlers, { provide: APP_FILTER, useClass: ProblemFilter }] })
class Feature {}

const db = useDatabase({ migrations: [messagingMigrations] });
let tokens: TokenMaker;
let app: NestFastifyApplication;

beforeAll(async () => {
  tokens = await TokenMaker.start();
  const store = ConfigStore.of(
    'apispec',
    { kafka: { driver: 'memory' }, auth: { issuer: tokens.issuer } },
    { DATABASE_URL: db.url },
  );
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot({
        logger: createLogger({ app: 'apispec', instance: 'apispec-1', destination }),
      }),
      SecurityModule.forRoot(),
      PersistenceModule.forRoot({ migrations: [] }),
      KafkaModule.forRoot({ memory: new MemoryBroker() }),
      MessagingModule.forRoot(),
      Feature,
    ],
  }).compile();
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  await app.init();
});
afterAll(async () => {
  await app.close();
  await tokens.stop();
});

const ask = (headers: Record<string, string>) =>
  app.inject({ method: 'GET', url: '/manage/asyncapi', headers });

it('/manage/asyncapi tells operators what the service says and hears, and nobody else', async () => {
  expect((await ask({})).statusCode).toBe(401);
  const other = await tokens.token({ scopes: ['orders:read'] });
  expect((await ask({ authorization: `Bearer ${other}` })).statusCode).toBe(403);
  const token = await tokens.token({ scopes: ['ops:read'] });
  const response = await ask({ authorization: `Bearer ${token}` });
  expect(response.statusCode).toBe(200);
  expect(response.json()).toMatchObject({
    asyncapi: '3.1.0',
    info: { title: 'apispec' },
    operations: {
      [`send.${Own.name}`]: { action: 'send' },
      [`receive.${Other.name}`]: { action: 'receive' },
    },
  });
});
