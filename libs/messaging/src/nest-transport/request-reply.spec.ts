import {
  BadRequestException,
  Controller,
  UseInterceptors,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  ClientKafka,
  KafkaRetriableException,
  MessagePattern,
  Payload,
  RpcException,
} from '@nestjs/microservices';
import { currentContext } from '@rookery/core';
import { KAFKA_DRIVER, type KafkaDriver } from '@rookery/kafka';
import { currentTraceId } from '@rookery/observability';
import { TransactionHost } from '@rookery/persistence';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { EMPTY, firstValueFrom, lastValueFrom, toArray, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEAD_LETTER_HEADER, deadLetterTopic } from '../envelope/header-names.js';
import { readTopic, uniqueName, until } from '../testing/test-service.js';
import { TransportApps } from '../testing/transport-apps.js';

const db = useDatabase();
const kafka = useKafka();
let topic: string;
let lines: string[];
let apps: TransportApps;
let client: ClientKafka | undefined;

beforeEach(() => {
  topic = `${uniqueName()}.sums`;
  lines = [];
  apps = new TransportApps(topic, { url: db.url, brokers: kafka.brokers, lines });
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  await apps.stop();
});

const driverOf = (app: INestApplication) => app.get<KafkaDriver>(KAFKA_DRIVER);

/** Nest's own client, as an existing caller has it. */
async function caller(app: INestApplication): Promise<ClientKafka> {
  await driverOf(app)
    .admin()
    .ensureTopics([{ topic: `${topic}.reply`, partitions: 2 }]);
  client = new ClientKafka({
    client: { brokers: [...kafka.brokers], clientId: 'caller', logLevel: 0 },
    consumer: { groupId: `${topic}-caller`, maxWaitTimeInMs: 50 },
  });
  client.subscribeToResponseOf(topic);
  await client.connect();
  return client;
}

const ask = (from: ClientKafka, data: unknown): Promise<unknown> =>
  lastValueFrom(from.send<unknown, unknown>(topic, data).pipe(toArray()));

describe("a request of Nest's ClientKafka", () => {
  it('K15: is answered in the partition that its caller reads, whole', async () => {
    @Controller()
    class Sums {
      @MessagePattern(topic)
      async sum(numbers: number[]) {
        const value = numbers.reduce((sum, each) => sum + each, 0);
        return { value, key: 'k', headers: { a: 1 }, currency: 'EUR' };
      }
    }
    const app = await apps.start([Sums]);
    const from = await caller(app);
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => ask(from, [i, 1])),
    );
    expect(answers).toEqual(
      Array.from({ length: 10 }, (_, i) => [
        { value: i + 1, key: 'k', headers: { a: 1 }, currency: 'EUR' },
      ]),
    );
  });

  it('K6: that fails is answered with the error, without effects, and kept from being tried again', async () => {
    await db.unitOfWork.query('create table if not exists effects (id bigserial)');
    let runs = 0;
    class Numbers implements PipeTransform {
      transform(value: unknown) {
        if (Array.isArray(value)) return value as unknown;
        throw new BadRequestException('expected a list');
      }
    }
    @Controller()
    class Sums {
      constructor(private readonly host: TransactionHost) {}
      @MessagePattern(topic)
      async sum(@Payload(Numbers) [what]: string[]) {
        runs += 1;
        await this.host.query('insert into effects default values');
        if (what === 'rpc') throw new RpcException({ code: 'NO_STOCK' });
        if (what === 'secret') throw new Error('the password is x');
        if (what === 'later' && runs === 1) throw new KafkaRetriableException('later');
        return 'done';
      }
    }
    Reflect.defineMetadata('design:paramtypes', [TransactionHost], Sums);
    const app = await apps.start([Sums], {}, [Numbers]);
    const from = await caller(app);
    const effects = async (): Promise<number> =>
      (await db.unitOfWork.query('select from effects')).rowCount;

    await expect(ask(from, ['rpc'])).rejects.toEqual({ code: 'NO_STOCK' });
    expect(runs).toBe(1);
    await expect(ask(from, { not: 'a list' })).rejects.toEqual({
      status: 'error',
      statusCode: 400,
      message: 'expected a list',
    });
    expect(runs).toBe(1);
    await expect(ask(from, ['secret'])).rejects.toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    // Might have been better the second time.
    expect(runs).toBe(3);
    expect(lines.join('')).toContain('the password is x');
    expect(await effects()).toBe(0);
    runs = 0;
    expect(await ask(from, ['later'])).toEqual(['done']);
    expect(runs).toBe(2);
    expect(await effects()).toBe(1);
  });

  it('K5: that is skipped is answered with nothing', async () => {
    class Skip implements NestInterceptor {
      intercept(): Observable<never> {
        return EMPTY;
      }
    }
    @Controller()
    class Sums {
      @UseInterceptors(Skip)
      @MessagePattern(topic)
      async sum() {}
    }
    const app = await apps.start([Sums], {}, [Skip]);
    const from = await caller(app);
    expect(await firstValueFrom(from.send(topic, {}))).toBeNull();
  });

  it('K16: that cannot be answered is a dead letter, holds up no other, and makes no topic', async () => {
    @Controller()
    class Sums {
      @MessagePattern(topic)
      async sum() {
        return 'done';
      }
    }
    const app = await apps.start([Sums]);
    const from = await caller(app);
    const request = (replyTopic: string, partition: string) => ({
      topic,
      key: 'k',
      value: '{}',
      headers: {
        kafka_correlationId: '1',
        kafka_replyTopic: replyTopic,
        kafka_replyPartition: partition,
      },
    });
    await driverOf(app)
      .producer()
      .send([
        request(`${topic}.reply`, '99'),
        request(`${topic}.nobody`, '0'),
        request('no name', '0'),
      ]);
    const letters = await readTopic(driverOf(app), deadLetterTopic(topic), 3);
    expect(letters.map(({ headers }) => String(headers[DEAD_LETTER_HEADER.error]))).toEqual([
      expect.stringMatching(/there is no \S+\.reply\/99 to answer to/),
      expect.stringMatching(/there is no \S+\.nobody\/0 to answer to/),
      expect.stringMatching(/kafka_replyTopic is no name of a topic/),
    ]);
    expect(await ask(from, {})).toEqual(['done']);
  });

  it('without a place for the answer, as emit sends it, is an event', async () => {
    const seen: unknown[] = [];
    @Controller()
    class Sums {
      @MessagePattern(topic)
      async sum(data: unknown) {
        seen.push(data);
        return 'nobody hears it';
      }
    }
    const app = await apps.start([Sums]);
    const from = await caller(app);
    await lastValueFrom(from.emit(topic, { n: 1 }));
    expect(await ask(from, { n: 2 })).toEqual(['nobody hears it']);
    // Without keys they have no order, so the answer to one says nothing of the other.
    await until(() => seen.length === 2);
    expect(seen).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }]));
  });

  it('K23: hands on trace and correlation of its headers, to the handler and with the answer', async () => {
    const seen: unknown[] = [];
    @Controller()
    class Sums {
      @MessagePattern(topic)
      async sum() {
        seen.push([currentTraceId(), currentContext()?.correlationId]);
        return 'done';
      }
    }
    const app = await apps.start([Sums]);
    const reply = `${topic}.reply`;
    await driverOf(app)
      .admin()
      .ensureTopics([{ topic: reply, partitions: 1 }]);
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const headers = {
      traceparent: `00-${trace}-b7ad6b7169203331-01`,
      'x-correlation-id': 'c-7',
      kafka_correlationId: 'request-1',
      kafka_replyTopic: reply,
    };
    await driverOf(app)
      .producer()
      .send([{ topic, key: 'k', value: '{}', headers }]);
    const [answer] = await readTopic(driverOf(app), reply, 1);
    expect(seen).toEqual([[trace, 'c-7']]);
    const header = (name: string): string => String(answer?.headers[name]);
    expect(header('traceparent')).toContain(trace);
    expect(header('x-correlation-id')).toBe('c-7');
    expect(header('kafka_correlationId')).toBe('request-1');
  });
});
