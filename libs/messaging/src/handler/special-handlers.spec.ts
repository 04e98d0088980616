import {
  Controller,
  Injectable,
  UseFilters,
  UseInterceptors,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { KAFKA_DRIVER, type KafkaDriver } from '@rookery/kafka';
import { Metrics } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { EMPTY, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchContext, BatchFailure, BatchMessage } from '../batch/batch-message.js';
import type { DataOf } from '../contract/contract.js';
import { deadLetterTopic } from '../envelope/header-names.js';
import { MessagePublisher } from '../publish/message-publisher.js';
import { readTopic, uniqueEvent, uniqueName, until } from '../testing/test-service.js';
import { TransportApps } from '../testing/transport-apps.js';
import type { MessageContext } from './message-context.js';
import { OnEvents } from './on-events.decorator.js';
import { OnTombstone } from './on-tombstone.decorator.js';

const db = useDatabase();
const kafka = useKafka();
let apps: TransportApps;
let calls: unknown[][];
let Happened: ReturnType<typeof uniqueEvent>;

beforeEach(() => {
  calls = [];
  Happened = uniqueEvent();
  const surroundings = { url: db.url, brokers: kafka.brokers, lines: [] };
  apps = new TransportApps(uniqueName(), surroundings);
});
afterEach(() => apps.stop());

const driverOf = (app: INestApplication) => app.get<KafkaDriver>(KAFKA_DRIVER);

type Happenings = readonly BatchMessage<DataOf<ReturnType<typeof uniqueEvent>>>[];

describe('@OnEvents', () => {
  it('K11: hands batches through Nest, and takes back what has failed', async () => {
    class Around implements NestInterceptor {
      intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
        calls.push(['interceptor', context.getArgs<[Happenings]>()[0].length]);
        return next.handle();
      }
    }
    @Injectable()
    class Statistics {
      @UseInterceptors(Around)
      @OnEvents(Happened, { batch: { max: 3, wait: '10s' }, retry: { attempts: 1 } })
      async on(messages: Happenings, context: BatchContext): Promise<BatchFailure[]> {
        calls.push([messages.map(({ data }) => data.n), context.signal.aborted]);
        return messages
          .filter(({ data }) => data.n === 2)
          .map((message) => ({ message, error: new Error('not two') }));
      }
    }
    const app = await apps.create([], {}, [Around, Statistics]);
    await app.init();
    const publisher = app.get(MessagePublisher);
    await publisher.publish(Happened, { key: 'a', n: 1 });
    await publisher.publish(Happened, { key: 'a', n: 2 });
    await publisher.publish(Happened, { key: 'a', n: 3 });
    await apps.run(app);
    const [letter] = await readTopic(driverOf(app), deadLetterTopic(Happened.topic), 1);
    expect(String(letter?.value)).toBe('{"key":"a","n":2}');
    await until(() => calls.length >= 6);
    expect(calls.filter(([what]) => what !== 'interceptor')).toEqual([
      [[1, 2, 3], false],
      [[1], false],
      [[3], false],
    ]);
  });

  it('K5: may be skipped by an interceptor, and a filter may handle what it throws', async () => {
    class Skip implements NestInterceptor {
      intercept(): Observable<never> {
        return EMPTY;
      }
    }
    class Handled implements ExceptionFilter {
      catch(error: unknown): BatchFailure[] {
        calls.push([(error as Error).message]);
        return [];
      }
    }
    @Injectable()
    class Statistics {
      @UseInterceptors(Skip)
      @OnEvents(Happened, { batch: { wait: 5 } })
      async skipped(): Promise<void> {
        calls.push(['never']);
      }

      @UseFilters(Handled)
      @OnEvents(Happened, { batch: { wait: 5 } })
      async filtered(): Promise<void> {
        throw new Error('known');
      }
    }
    const app = await apps.start([], {}, [Skip, Handled, Statistics]);
    await app.get(MessagePublisher).publish(Happened, { key: 'a' });
    const outcome = (name: string, what: string): RegExp =>
      new RegExp(
        `messages_consumed_total\\{consumer="Statistics\\.${name}",outcome="${what}",.*\\} 1`,
      );
    await until(async () => {
      const text = await app.get(Metrics).expose();
      return outcome('skipped', 'skipped').test(text) && outcome('filtered', 'handled').test(text);
    });
    expect(calls).toEqual([['known']]);
  });

  it('refuses wrong options where they are written', () => {
    expect(() => OnEvents(Happened, { batch: { max: 0 } })({}, 'on', { value: () => {} })).toThrow(
      /@OnEvents\(spec-\S+\.happened\) on Object\.on: batch\.max: 0 is not allowed/,
    );
  });
});

describe('@OnTombstone', () => {
  it('K22: gets the key that has ended', async () => {
    @Injectable()
    class Orders {
      @OnTombstone(Happened)
      async ended(key: string, context: MessageContext): Promise<void> {
        calls.push([key, context.name, context.attempt]);
      }
    }
    const app = await apps.start([], {}, [Orders]);
    await app.get(MessagePublisher).tombstone(Happened, 'a');
    await until(() => calls.length > 0);
    expect(calls).toEqual([['a', Happened.name, 1]]);
  });
});

describe('RookeryTransportModule', () => {
  it('runs event patterns where nobody connects a microservice', async () => {
    @Controller()
    class Orders {
      @EventPattern<string>(Happened.topic)
      async on(data: unknown): Promise<void> {
        calls.push([data]);
      }
    }
    const app = await apps.start([Orders], {}, [], 'module');
    await app.get(MessagePublisher).publish(Happened, { key: 'a' });
    await until(() => calls.length > 0);
    expect(calls).toEqual([[{ key: 'a' }]]);
  });
});
