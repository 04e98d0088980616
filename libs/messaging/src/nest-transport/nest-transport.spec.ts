import {
  BadRequestException,
  Catch,
  Controller,
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
import {
  Ctx,
  EventPattern,
  KafkaContext,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import type { INestApplication } from '@nestjs/common';
import { KAFKA_DRIVER, type KafkaDriver } from '@rookery/kafka';
import { TransactionHost } from '@rookery/persistence';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { EMPTY, of, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { DEAD_LETTER_HEADER, deadLetterTopic } from '../envelope/header-names.js';
import { MessagePublisher } from '../publish/message-publisher.js';
import { readTopic, uniqueName, until as eventually } from '../testing/test-service.js';
import { TransportApps } from '../testing/transport-apps.js';
import { bytesCodec, RookeryKafkaContext } from './index.js';

const db = useDatabase();
const kafka = useKafka();
let topic: string;
let calls: unknown[][];
let lines: string[];
let apps: TransportApps;

beforeEach(() => {
  topic = `${uniqueName()}.orders`;
  calls = [];
  lines = [];
  apps = new TransportApps(topic, { url: db.url, brokers: kafka.brokers, lines });
});
afterEach(() => apps.stop());

const create: TransportApps['create'] = (...given) => apps.create(...given);
const start: TransportApps['start'] = (...given) => apps.start(...given);

const driverOf = (app: INestApplication) => app.get<KafkaDriver>(KAFKA_DRIVER);

/** Sends records as any Kafka client would. */
async function send(app: INestApplication, ...values: (string | Buffer | object | null)[]) {
  const raw = (value: (typeof values)[number]) =>
    value === null || typeof value === 'string' || Buffer.isBuffer(value)
      ? value
      : JSON.stringify(value);
  await driverOf(app)
    .producer()
    .send(values.map((value) => ({ topic, key: 'k', value: raw(value) })));
}

const until = (met: () => boolean): Promise<void> =>
  eventually(met).catch((error: Error) => {
    throw new Error(`${error.message}; ${JSON.stringify(calls)}; ${lines.join('')}`);
  });

async function letters(app: INestApplication, count: number) {
  return readTopic(driverOf(app), deadLetterTopic(topic), count);
}

const committed = (app: INestApplication, group = topic): Promise<void> =>
  eventually(async () => {
    const lags = await driverOf(app).admin().lag(group, [topic]);
    return lags.reduce((sum, { lag }) => sum + lag, 0) === 0;
  });

describe('handlers written for the Kafka transport of Nest', () => {
  it('get payload and context as they know them', async () => {
    @Controller()
    class Orders {
      @EventPattern<string>(topic, Transport.KAFKA)
      async on(@Payload() data: unknown, @Payload('n') n: unknown, @Ctx() context: KafkaContext) {
        await context.getHeartbeat()();
        const { key, value, headers, offset } = context.getMessage();
        const message = { key, value, headers, offset };
        calls.push([data, n, context.getTopic(), context.getPartition(), message]);
        calls.push([(context as RookeryKafkaContext).message.attempt]);
        expect(() => context.getConsumer()).toThrow(/committed when the handler has returned/);
        expect(() => context.getProducer()).toThrow(/MessagePublisher/);
      }

      @EventPattern<string>(topic, Transport.TCP)
      async other() {
        calls.push(['of another transport']);
      }
    }
    const app = await start([Orders]);
    await driverOf(app)
      .producer()
      .send([{ topic, key: 'k', value: '{"n":1}', partition: 1, headers: { h: 'x' } }]);
    await until(() => calls.length === 2);
    expect(calls[0]?.slice(0, 4)).toEqual([{ n: 1 }, 1, topic, 1]);
    expect(calls[0]?.[4]).toEqual({ key: 'k', value: { n: 1 }, headers: { h: 'x' }, offset: '0' });
    expect(calls[1]).toEqual([1]);
    await committed(app);
    expect(calls).toHaveLength(2);
  });

  it('K1, K9: have a fate of their own: one that fails is dead-lettered and runs no other again', async () => {
    @Controller()
    class Orders {
      @EventPattern<string>(topic)
      async bad({ n }: { n: number }) {
        calls.push(['bad', n]);
        if (n === 1) throw new Error('poison');
      }
      @EventPattern<string>(topic)
      async good({ n }: { n: number }) {
        calls.push(['good', n]);
      }
    }
    const app = await start([Orders]);
    await send(app, { n: 1 }, { n: 2 });
    await until(() => calls.length === 5);
    await committed(app);
    expect(calls.filter(([what]) => what === 'good')).toEqual([
      ['good', 1],
      ['good', 2],
    ]);
    expect(calls.filter(([what]) => what === 'bad')).toEqual([
      ['bad', 1],
      ['bad', 1],
      ['bad', 2],
    ]);
    const [letter] = await letters(app, 1);
    expect(String(letter?.headers[DEAD_LETTER_HEADER.consumer])).toBe('Orders.bad');
  });

  it('K3, K4: run behind guards, pipes, interceptors and filters, which see the original error', async () => {
    class Unlucky extends Error {
      readonly code = 'E13';
    }
    class NotB implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const rpc = context.switchToRpc();
        calls.push(['guard', rpc.getContext<KafkaContext>().getTopic() === topic]);
        return rpc.getData<{ id: string }>().id !== 'b';
      }
    }
    class Around implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        calls.push(['interceptor']);
        return next.handle();
      }
    }
    class Numbers implements PipeTransform {
      transform(value: { n: unknown }) {
        if (typeof value.n !== 'number') throw new BadRequestException('n must be a number');
        return value;
      }
    }
    @Catch()
    class Watch implements ExceptionFilter {
      catch(error: unknown): void {
        const { message, stack, code } = error as Unlucky;
        calls.push(['filter', message, code, stack?.includes('nest-transport.spec')]);
        throw error;
      }
    }
    @Controller()
    @UseGuards(NotB)
    class Orders {
      @UseInterceptors(Around)
      @UseFilters(Watch)
      @EventPattern<string>(topic)
      async on(@Payload(Numbers) data: { n: number }) {
        calls.push(['handler', data.n]);
        if (data.n === 13) throw new Unlucky('unlucky');
      }
    }
    const app = await start([Orders], {}, [NotB, Around, Numbers, Watch]);
    await send(app, { id: 'a', n: 1 }, { id: 'b', n: 2 }, { id: 'c', n: 'x' }, { id: 'd', n: 13 });
    const errors = (await letters(app, 3)).map(({ headers }) =>
      String(headers[DEAD_LETTER_HEADER.error]),
    );
    expect(errors).toEqual([
      'ForbiddenException: Forbidden resource',
      'BadRequestException: n must be a number',
      'Error: unlucky',
    ]);
    expect(calls.slice(0, 3)).toEqual([['guard', true], ['interceptor'], ['handler', 1]]);
    // Refused: once. Failed: as often as is configured, and as it was thrown.
    expect(calls.filter(([what]) => what === 'filter')).toEqual([
      ['filter', 'Forbidden resource', undefined, false],
      ['filter', 'n must be a number', undefined, true],
      ['filter', 'unlucky', 'E13', true],
      ['filter', 'unlucky', 'E13', true],
    ]);
  });

  it('K5: may end the stream, or have an interceptor end it, to skip a message', async () => {
    class Skip implements NestInterceptor {
      intercept(): Observable<never> {
        return EMPTY;
      }
    }
    @Controller()
    class Orders {
      @UseInterceptors(Skip)
      @EventPattern<string>(topic)
      never() {
        calls.push(['never']);
      }
      @EventPattern<string>(topic)
      empty() {
        calls.push(['empty']);
        return EMPTY;
      }
      @EventPattern<string>(topic)
      some() {
        return of(1, 2);
      }
      @EventPattern<string>(topic)
      nothing() {}
    }
    const app = await start([Orders], {}, [Skip]);
    await send(app, {});
    await committed(app);
    expect(calls).toEqual([['empty']]);
    expect(lines.join('')).not.toMatch(/failed|\.dlt/);
  });

  it('K8, K22: get typed values, bytes and tombstones; broken JSON is a dead letter with its bytes', async () => {
    const binary = `${topic}-binary`;
    const confluent = Buffer.from([0, 0, 0, 0, 9, 123]);
    @Controller()
    class Orders {
      @EventPattern([topic, binary])
      async on(@Payload() data: unknown, @Ctx() context: RookeryKafkaContext) {
        calls.push([data, context.isTombstone()]);
      }
    }
    const app = await start([Orders], { codecs: { [binary]: bytesCodec } });
    await driverOf(app)
      .producer()
      .send([{ topic: binary, key: 'k', value: confluent }]);
    await until(() => calls.length === 1);
    expect(calls.splice(0)).toEqual([[confluent, false]]);
    await send(app, '42', '"42"', '{bad', confluent, null, 'null', { a: 1 });
    const [bad, zero] = await letters(app, 2);
    expect(String(bad?.value)).toBe('{bad');
    expect(bad?.headers[DEAD_LETTER_HEADER.reason]?.toString()).toBe('bad-json');
    expect(zero?.value).toEqual(confluent);
    await until(() => calls.length === 5);
    expect(calls).toEqual([
      [42, false],
      ['42', false],
      [null, true],
      [null, false],
      [{ a: 1 }, false],
    ]);
  });

  it('K22: get a DTO with value, key and headers whole, and leave that of the sender alone', async () => {
    const Paid = defineEvent('spec.paid', {
      topic,
      owner: 'spec',
      key: ({ key }) => key,
      versions: {
        1: z.object({
          value: z.number(),
          key: z.string(),
          headers: z.object({ a: z.string() }),
          currency: z.string(),
        }),
      },
    });
    @Controller()
    class Orders {
      @EventPattern<string>(topic)
      async on(data: unknown) {
        calls.push([data]);
      }
    }
    const app = await start([Orders]);
    const dto = { value: 5, key: 'k', headers: { a: 'b' }, currency: 'EUR' };
    await app.get(MessagePublisher).publish(Paid, dto);
    await until(() => calls.length === 1);
    expect(calls).toEqual([[{ value: 5, key: 'k', headers: { a: 'b' }, currency: 'EUR' }]]);
    expect(dto).toEqual({ value: 5, key: 'k', headers: { a: 'b' }, currency: 'EUR' });
  });

  it('K21: are in the group that is configured, as it is written', async () => {
    @Controller()
    class Orders {
      @EventPattern<string>(topic)
      async on() {}
      @EventPattern<string>(topic, { handler: { group: `${topic}-own`, concurrency: 2 } })
      async own() {}
    }
    const app = await start([Orders], { group: `${topic}-shared` });
    const groups = driverOf(app).consumers.map(({ group }) => group);
    expect(groups.sort()).toEqual([`${topic}-own`, `${topic}-shared`]);
  });

  it('are one with their effects, which a redelivery does not repeat', async () => {
    @Controller()
    class Orders {
      constructor(private readonly host: TransactionHost) {}
      @EventPattern<string>(topic)
      async on() {
        calls.push([this.host.active]);
      }
    }
    Reflect.defineMetadata('design:paramtypes', [TransactionHost], Orders);
    const app = await start([Orders]);
    const headers = { ce_id: 'the same' };
    const one = { topic, key: 'k', value: '{}', headers };
    await driverOf(app).producer().send([one, one]);
    await committed(app);
    expect(calls).toEqual([[true]]);
  });

  it('K7, K24: are refused at the start for patterns that are no topic, and for wrong options', async () => {
    class Base {
      async on() {}
    }
    const decorated = (decorator: MethodDecorator): Type => {
      class Orders extends Base {
        override async on() {}
      }
      const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'on');
      decorator(Orders.prototype, 'on', descriptor as PropertyDescriptor);
      Controller()(Orders);
      return Orders;
    };
    await expect(create([decorated(EventPattern(/orders/))])).rejects.toThrow(
      /@EventPattern on Orders.on: pattern: \/orders\/ is not allowed/,
    );
    await expect(create([decorated(MessagePattern({ cmd: 'sum' }))])).rejects.toThrow(
      /@MessagePattern on Orders.on: pattern: \{"cmd":"sum"\} is not allowed/,
    );
    const wrong = EventPattern<string>(topic, { handler: { retries: 5 } });
    await expect(create([decorated(wrong)])).rejects.toThrow(/retries: unknown option/);
    await expect(
      create([decorated(EventPattern<string>(topic))], { groupId: 'x' } as object),
    ).rejects.toThrow(/RookeryTransport: groupId: unknown option/);
    @Controller({ scope: Scope.REQUEST })
    class PerRequest {
      @EventPattern<string>(topic)
      async on() {}
    }
    await expect(create([PerRequest])).rejects.toThrow(/PerRequest\.on: .*not a singleton/);
  });
});
