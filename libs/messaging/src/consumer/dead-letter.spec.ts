import { BadRequestException } from '@nestjs/common';
import type { IncomingRecord } from '@rookery/kafka';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { textHeaders } from '../envelope/envelope.js';
import { DEAD_LETTER_HEADER, deadLetterTopic, HEADER } from '../envelope/header-names.js';
import { UnprocessableMessageError } from '../messaging.errors.js';
import { messagingMigrations } from '../messaging.migrations.js';
import {
  readTopic,
  TestService,
  uniqueEvent,
  until,
  type TestServiceOptions,
} from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

beforeAll(async () => {
  await db.unitOfWork.query('create table effects (id bigserial, what text not null)');
});
beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

const service = (name: string, options?: TestServiceOptions): Promise<TestService> =>
  TestService.create(name, { host: db.unitOfWork, brokers: kafka.brokers }, options);

async function effects(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ what: string }>('select what from effects');
  return rows.map(({ what }) => what);
}

async function effect(what: string): Promise<void> {
  await db.unitOfWork.query('insert into effects (what) values ($1)', [what]);
}

describe('dead letters on PostgreSQL and a Kafka broker', () => {
  it('K2: dead-letters a poison message with its bytes, and goes on with its key and all others', async () => {
    const Happened = uniqueEvent();
    const { engine, told, driver, start } = await service('spec-poison');
    const attempts: number[] = [];
    engine.runtime.subscribe({
      consumer: 'poison',
      contracts: [Happened],
      handle: async ({ key, n }, { attempt }) => {
        await effect(`${key}${n}`);
        if (key !== 'bad' || n !== 1) return;
        attempts.push(attempt);
        throw new Error(`cannot take ${n}`);
      },
    });
    await start();
    for (let n = 1; n <= 3; n += 1) {
      for (const key of ['bad', 'good', 'fine']) {
        await engine.publisher.publish(Happened, { key, n }, { id: `${key}-${n}` });
      }
    }
    await until(async () => (await effects()).length === 8);
    expect(await effects()).not.toContain('bad1');
    expect(attempts).toEqual([1, 2, 3]);
    expect(told.deadLetters).toEqual([`${Happened.topic} retries-exhausted`]);
    const [letter] = await readTopic(driver, deadLetterTopic(Happened.topic), 1);
    expect(String(letter?.key)).toBe('bad');
    expect(JSON.parse(String(letter?.value))).toEqual({ key: 'bad', n: 1 });
    expect(textHeaders(letter as IncomingRecord)).toMatchObject({
      [HEADER.id]: 'bad-1',
      [HEADER.type]: Happened.name,
      [DEAD_LETTER_HEADER.reason]: 'retries-exhausted',
      [DEAD_LETTER_HEADER.error]: 'Error: cannot take 1',
      [DEAD_LETTER_HEADER.attempts]: '3',
      [DEAD_LETTER_HEADER.topic]: Happened.topic,
      [DEAD_LETTER_HEADER.consumer]: 'poison',
      [DEAD_LETTER_HEADER.group]: 'spec-poison',
    });
  });

  it.each([
    ['a validation error of Nest', () => new BadRequestException('no')],
    ['an error that says so', () => new UnprocessableMessageError('no')],
    ['an error of zod', () => new z.ZodError([])],
  ])('does not try again after %s', async (_what, make) => {
    const Happened = uniqueEvent();
    const { engine, told, start } = await service('spec-permanent');
    let tries = 0;
    engine.runtime.subscribe({
      consumer: 'permanent',
      contracts: [Happened],
      handle: async () => {
        tries += 1;
        throw make();
      },
    });
    await start();
    await engine.publisher.publish(Happened, { key: 'a' });
    await until(() => told.deadLetters.length === 1);
    expect(told.deadLetters).toEqual([`${Happened.topic} not-retryable`]);
    expect(tries).toBe(1);
  });

  it('dead-letters records that cannot be read with their bytes, and goes on', async () => {
    const Happened = uniqueEvent();
    const { engine, driver, told, start } = await service('spec-unreadable');
    engine.runtime.subscribe({
      consumer: 'reader',
      contracts: [Happened],
      handle: ({ key }) => effect(key),
    });
    // A second handler of the same records: what cannot be read is still one dead letter.
    engine.runtime.subscribe({
      consumer: 'second-reader',
      contracts: [Happened],
      handle: async () => undefined,
    });
    await start();
    const good = {
      [HEADER.specVersion]: '1.0',
      [HEADER.id]: 'x',
      [HEADER.type]: Happened.name,
      [HEADER.dataVersion]: '1',
    };
    const bytes = Buffer.from([0, 1, 255]);
    const value = JSON.stringify({ key: 'good' });
    const { topic } = Happened;
    const at = { topic, key: 'k' };
    await driver.producer().send([
      { ...at, value: bytes, headers: { ...good, raw: bytes } },
      { ...at, value: 'no headers at all' },
      // An event of another type is for somebody else, and no dead letter.
      { ...at, value, headers: { ...good, [HEADER.type]: 'nobody.knows-this' } },
      { ...at, value, headers: { ...good, [HEADER.dataVersion]: 'x' } },
      { ...at, value: '{"key":5}', headers: { ...good, [HEADER.id]: 'y' } },
      { ...at, value: null, headers: { ...good, [HEADER.id]: 'z' } },
      { ...at, value, headers: { ...good, [HEADER.id]: 'fine' } },
    ]);
    // Without a value: a tombstone, which nobody here asks for.
    await until(async () => (await effects()).length === 1 && told.deadLetters.length === 4);
    const letters = await readTopic(driver, deadLetterTopic(topic), 4);
    const reasons = letters.map((letter) => textHeaders(letter)[DEAD_LETTER_HEADER.reason]);
    expect(reasons.sort()).toEqual([
      'bad-json',
      'contract-violation',
      'missing-headers',
      'missing-headers',
    ]);
    const raw = letters.find(({ headers }) => 'raw' in headers) as IncomingRecord;
    expect(raw.value?.equals(bytes)).toBe(true);
    expect((raw.headers['raw'] as Buffer).equals(bytes)).toBe(true);
    const admin = driver.admin();
    await until(async () => {
      const lags = await admin.lag('spec-unreadable', [topic]);
      return lags.reduce((sum, { lag }) => sum + lag, 0) === 0;
    });
  });
});
