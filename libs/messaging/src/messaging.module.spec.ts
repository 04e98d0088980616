import { Writable } from 'node:stream';
import {
  BadRequestException,
  Catch,
  Controller,
  Injectable,
  Module,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { HealthRegistry, InvalidOptionError, Lifecycle } from '@rookery/core';
import { KAFKA_DRIVER, KafkaModule, type KafkaDriver } from '@rookery/kafka';
import { createLogger, Metrics, ObservabilityModule, Observed } from '@rookery/observability';
import { PersistenceModule, Transactional, TransactionHost } from '@rookery/persistence';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { EMPTY, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DataOf } from './contract/contract.js';
import { defineCommand, defineEvent, defineReply } from './contract/define-contract.js';
import { DEAD_LETTER_HEADER, deadLetterTopic, HEADER } from './envelope/header-names.js';
import type { MessageContext } from './handler/message-context.js';
import { OnCommand } from './handler/on-command.decorator.js';
import { OnEvent } from './handler/on-event.decorator.js';
import { reply } from './handler/reply.js';
import { MessagingModule } from './messaging.module.js';
import { MessagingRuntime } from './consumer/messaging-runtime.js';
import { MessagePublisher } from './publish/message-publisher.js';
import { readTopic, uniqueName, until as eventually } from './testing/test-service.js';

const db = useDatabase();
const kafka = useKafka();
const NEVER = new AbortController().signal;

/** Contracts with topics of their own. */
function contracts() {
  const name = uniqueName();
  const topic = `${name}.events`;
  const Done = defineReply(`${name}.done`, {
    owner: 'modspec',
    outcome: 'success',
    versions: { 1: z.object({ by: z.string() }) },
  });
  return {
    name,
    topic,
    Done,
    Placed: defineEvent(`${name}.placed`, {
      topic,
      owner: 'modspec',
      key: (data) => data.id,
      versions: { 1: z.object({ id: z.string(), total: z.number().optional() }) },
    }),
    Paid: defineEvent(`${name}.paid`, {
      topic,
      owner: 'modspec',
      key: (data) => data.id,
      versions: { 1: z.object({ id: z.string() }) },
    }),
    Do: defineCommand(`${name}.do`, {
      topic: `${name}.commands`,
      owner: 'modspec',
      key: (data) => data.id,
      versions: { 1: z.object({ id: z.string() }) },
      replies: [Done],
    }),
  };
}

type Contracts = ReturnType<typeof contracts>;
let name: string;
let topic: string;
let Done: Contracts['Done'];
let Placed: Contracts['Placed'];
let Paid: Contracts['Paid'];
let Do: Contracts['Do'];
let lines: string[];
let calls: unknown[][];
const open: TestingModule[] = [];

beforeEach(() => {
  lines = [];
  calls = [];
  ({ name, topic, Done, Placed, Paid, Do } = contracts());
});
afterEach(async () => {
  for (const app of open.splice(0)) {
    await app.get(Lifecycle).stop();
    await app.close();
  }
});

async function create(parts: Type[], messaging: object = {}): Promise<TestingModule> {
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => (lines.push(chunk.toString()), done()),
  });
  const store = ConfigStore.of(
    name,
    {
      kafka: { brokers: kafka.brokers, heartbeat: 200 },
      messaging: { retry: { attempts: 2, backoff: { initial: 1 } }, ...messaging },
      database: { migrate: true, poolSize: 8 },
    },
    { DATABASE_URL: db.url },
  );
  @Module({
    controllers: parts.filter((part) => Reflect.hasMetadata('path', part)),
    providers: parts.filter((part) => !Reflect.hasMetadata('path', part)),
  })
  class Feature {}
  const { messagingMigrations } = await import('./messaging.migrations.js');
  const app = await Test.createTestingModule({
    imports: [
      ConfigModule.forStore(store),
      ObservabilityModule.forRoot({
        logger: createLogger({ app: 'modspec', instance: 'modspec-1', destination }),
      }),
      PersistenceModule.forRoot({ migrations: [messagingMigrations] }),
      KafkaModule.forRoot(),
      MessagingModule.forRoot(),
      Feature,
    ],
  }).compile();
  open.push(app);
  await app.init();
  return app;
}

async function start(parts: Type[], messaging?: object): Promise<TestingModule> {
  const app = await create(parts, messaging);
  await app.get(Lifecycle).start();
  return app;
}

async function until(met: () => boolean): Promise<void> {
  await eventually(met).catch((error: Error) => {
    throw new Error(`${error.message}; ${lines.join('')}`);
  });
}

/** The first records of a topic, which nobody need have created yet. */
async function records(app: TestingModule, topic: string, count: number) {
  const driver = app.get<KafkaDriver>(KAFKA_DRIVER);
  await driver.admin().ensureTopics([{ topic, partitions: 1 }]);
  return readTopic(driver, topic, count);
}

async function letters(app: TestingModule, count: number): Promise<string[]> {
  const all = await records(app, deadLetterTopic(topic), count);
  return all.map(({ headers }) => String(headers[DEAD_LETTER_HEADER.error]));
}

describe('handlers in a Nest app', () => {
  it('are found on providers and controllers, whatever else decorates them', async () => {
    @Injectable()
    class Listener {
      constructor(private readonly host: TransactionHost) {}

      @Observed()
      @OnEvent(Placed)
      @Transactional()
      async outside(data: DataOf<typeof Placed>, context: MessageContext): Promise<void> {
        calls.push(['outside', data.id, context.name, this.host.active]);
      }

      @OnEvent(Placed)
      @OnEvent(Paid)
      async both(data: { id: string }, { name }: MessageContext): Promise<void> {
        calls.push(['both', data.id, name]);
      }
    }
    @Controller()
    class Commands {
      @OnCommand(Do)
      async do({ id }: DataOf<typeof Do>) {
        return reply(Done, { by: `commands-${id}` });
      }
    }
    const app = await start([Listener, Commands]);
    const publisher = app.get(MessagePublisher);
    await publisher.publish(Placed, { id: 'a' });
    await publisher.publish(Paid, { id: 'a' });
    await publisher.send(Do, { id: 'x' }, { replyTo: `${name}.replies` });
    await until(() => calls.length === 3);
    expect(calls).toContainEqual(['outside', 'a', Placed.name, true]);
    expect(calls).toContainEqual(['both', 'a', Placed.name]);
    expect(calls).toContainEqual(['both', 'a', Paid.name]);
    const [answer] = await records(app, `${name}.replies`, 1);
    expect(String(answer?.value)).toBe('{"by":"commands-x"}');
    expect(String(answer?.headers[HEADER.outcome])).toBe('success');
  });

  it.each([
    ['providers', Injectable()],
    ['controllers', Controller()],
  ])('on %s run behind guards, interceptors, pipes and filters', async (_kind, declare) => {
    class OnlyA implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const { id } = context.getArgs<[{ id: string }]>()[0];
        calls.push(['guard', context.getType(), context.getHandler().name]);
        return id.startsWith('a');
      }
    }
    class Positive implements PipeTransform {
      transform(data: DataOf<typeof Placed>): DataOf<typeof Placed> {
        if (Number(data.total) > 0) return data;
        throw new BadRequestException('total must be positive');
      }
    }
    class Around implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        calls.push(['interceptor']);
        return next.handle();
      }
    }
    @Catch()
    class Watch implements ExceptionFilter {
      catch(error: unknown): void {
        calls.push(['filter', (error as Error).message]);
        throw error;
      }
    }
    @declare
    class Listener {
      @UseGuards(OnlyA)
      @UseInterceptors(Around)
      @UseFilters(Watch)
      @OnEvent(Placed)
      async on(@Payload(Positive) data: DataOf<typeof Placed>, @Ctx() context: MessageContext) {
        calls.push(['handler', data.total, context.key]);
        if (data.total === 13) throw new Error('unlucky');
      }
    }
    const app = await start([Listener, OnlyA, Positive, Around, Watch]);
    const publisher = app.get(MessagePublisher);
    await publisher.publish(Placed, { id: 'a1', total: 5 });
    await until(() => calls.length === 3);
    expect(calls).toEqual([['guard', 'rpc', 'on'], ['interceptor'], ['handler', 5, 'a1']]);
    await publisher.publish(Placed, { id: 'a2', total: -1 });
    await letters(app, 1);
    await publisher.publish(Placed, { id: 'b1', total: 1 });
    await letters(app, 2);
    await publisher.publish(Placed, { id: 'a3', total: 13 });
    expect(await letters(app, 3)).toEqual([
      'BadRequestException: total must be positive',
      'ForbiddenException: Forbidden resource',
      'Error: unlucky',
    ]);
    // Refused by a pipe or a guard: not tried again. Failed: tried as often as configured.
    expect(calls.filter(([what]) => what === 'filter')).toEqual([
      ['filter', 'total must be positive'],
      ['filter', 'Forbidden resource'],
      ['filter', 'unlucky'],
      ['filter', 'unlucky'],
    ]);
  });

  it('K5: may be skipped by an interceptor that ends the stream, which is no failure', async () => {
    class Skip implements NestInterceptor {
      intercept(): Observable<never> {
        return EMPTY;
      }
    }
    @Injectable()
    class Listener {
      @UseInterceptors(Skip)
      @OnEvent(Placed)
      async skipped(): Promise<void> {
        calls.push(['never']);
      }

      @OnEvent(Paid)
      async empty(): Promise<void> {
        const { firstValueFrom } = await import('rxjs');
        await firstValueFrom(EMPTY);
      }
    }
    const app = await start([Listener, Skip]);
    const publisher = app.get(MessagePublisher);
    await publisher.publish(Placed, { id: 'a' });
    await publisher.publish(Paid, { id: 'a' });
    expect(await letters(app, 1)).toEqual([
      'Error: the handler waited for a value of an observable that had none',
    ]);
    expect(calls).toEqual([]);
    const metrics = await app.get(Metrics).expose();
    expect(metrics).toMatch(
      /rookery_messages_consumed_total\{consumer="Listener\.skipped",outcome="skipped",.*\} 1/,
    );
  });

  it('are refused at the start when their class is not a singleton', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @OnEvent(Placed)
      async on(): Promise<void> {}
    }
    await expect(create([PerRequest])).rejects.toThrow(/PerRequest\.on: .*not a singleton/);
  });

  it('are warned of when they could take every connection of the database', async () => {
    await create([], { concurrency: 8 });
    expect(lines.join('')).toContain('messaging.concurrency is 8 and database.poolSize 8');
    lines = [];
    await create([], { concurrency: 7 });
    expect(lines.join('')).not.toContain('poolSize');
  });

  it('K24: are refused at the start when what they ask for is wrong, or contradicts itself', async () => {
    @Injectable()
    class Parking {
      @OnEvent(Placed, { onFailure: 'park', ordered: false })
      async on(): Promise<void> {}
    }
    await expect(create([Parking])).rejects.toThrow(/'park' keeps the order of a key/);
    expect(() =>
      OnEvent(Placed, { retry: { attempts: 0 } })({}, 'on', { value: () => {} }),
    ).toThrow(/@OnEvent\(spec-\S+\.placed\) on Object\.on: retry\.attempts: 0 is not allowed/);
  });

  it('have names of their own, also across modules', async () => {
    @Injectable()
    class One {
      @OnEvent(Placed, { consumer: 'same' })
      async on(): Promise<void> {}
    }
    @Injectable()
    class Two {
      @OnEvent(Placed, { consumer: 'same' })
      async on(): Promise<void> {}
    }
    await expect(create([One, Two])).rejects.toThrow(/consumer: 'same' is taken/);
  });
});

describe('the messaging module', () => {
  it('is not ready before its groups were joined, and tells of its outbox', async () => {
    const app = await create([]);
    const contributor = app
      .get(HealthRegistry)
      .contributors('ready')
      .find(({ name }) => name === 'messaging');
    expect(await contributor?.check(NEVER)).toMatchObject({ status: 'down' });
    await app.get(Lifecycle).start();
    expect(await contributor?.check(NEVER)).toMatchObject({
      status: 'up',
      details: { outboxPending: 0, outboxOldestSeconds: 0 },
    });
  });

  it('measures backlog, messages and dead letters', async () => {
    const app = await create([]);
    await app.get(MessagePublisher).publish(Placed, { id: 'a' });
    expect(await app.get(Metrics).expose()).toMatch(/rookery_outbox_pending\{.*\} 1/);
    await app.get(Lifecycle).start();
    const published = new RegExp(`rookery_messages_published_total\\{topic="${topic}",.*\\} 1`);
    await eventually(async () => published.test(await app.get(Metrics).expose()));
    const text = await app.get(Metrics).expose();
    for (const name of ['inbox_duplicates_total', 'dead_letters_total', 'consumer_lag']) {
      expect(text).toContain(`# TYPE rookery_${name} `);
    }
  });

  it('refuses subscriptions once it has started', async () => {
    const app = await start([]);
    expect(() =>
      app.get(MessagingRuntime).subscribe({
        consumer: 'late',
        contracts: [Placed],
        handle: async () => undefined,
      }),
    ).toThrow(InvalidOptionError);
  });

  it('refuses configuration it does not know', async () => {
    await expect(create([], { concurency: 3 })).rejects.toThrow(/messaging.*concurency/);
  });
});
