import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HandlerOptions } from '../handler/handler.options.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { TestService, uniqueEvent, uniqueName, until } from '../testing/test-service.js';
import { KeyVersions } from './key-versions.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

describe('KeyVersions', () => {
  const a = Buffer.from('a');

  it('goes forward only, per consumer and key, with the transaction or not at all', async () => {
    const versions = new KeyVersions(db.unitOfWork);
    expect(await versions.advance('c', a, 3)).toBe(true);
    expect(await versions.advance('c', a, 3)).toBe(false);
    expect(await versions.advance('c', a, 2)).toBe(false);
    expect(await versions.advance('c', Buffer.from('b'), 2)).toBe(true);
    expect(await versions.advance('other', a, 1)).toBe(true);
    await db.unitOfWork
      .run(async () => {
        await versions.advance('c', a, 9);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(await versions.advance('c', a, 4n)).toBe(true);
    await expect(versions.advance('c', a, 1.5)).rejects.toMatchObject({
      code: 'RKY_MSG_UNPROCESSABLE',
    });
  });

  it('lets one of two that come at the same time pass', async () => {
    const versions = new KeyVersions(db.unitOfWork);
    const results = await Promise.all(
      Array.from({ length: 8 }, () => db.unitOfWork.run(() => versions.advance('c', a, 1))),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  it('forgets keys that have had nothing new', async () => {
    const versions = new KeyVersions(db.unitOfWork);
    await versions.advance('c', a, 1);
    expect(await versions.forgetOlderThan(60_000)).toBe(0);
    await db.unitOfWork.query(
      `update rookery_key_versions set updated_at = now() - interval '1 hour'`,
    );
    expect(await versions.forgetOlderThan(60_000)).toBe(1);
  });
});

describe('a handler that guards versions', () => {
  async function start(options: HandlerOptions): Promise<{
    one: TestService;
    handled: number[];
    publish: (...numbers: number[]) => Promise<void>;
  }> {
    const Happened = uniqueEvent();
    const handled: number[] = [];
    let fails = true;
    const one = await TestService.create(uniqueName(), {
      host: db.unitOfWork,
      brokers: kafka.brokers,
    });
    one.engine.runtime.subscribe({
      consumer: 'guarded',
      contracts: [Happened],
      ...options,
      version: ({ n }) => n ?? 0,
      handle: async ({ n }) => {
        // The first try of 2 takes its version back with everything else.
        if (n === 2 && fails) {
          fails = false;
          throw new Error('once');
        }
        handled.push(n ?? 0);
      },
    });
    await one.start();
    const publish = async (...numbers: number[]): Promise<void> => {
      for (const n of numbers) await one.engine.publisher.publish(Happened, { key: 'a', n });
    };
    return { one, handled, publish };
  }

  it('skips what is not newer than what its key has had, though its id is new', async () => {
    const { one, handled, publish } = await start({});
    await publish(1, 3, 2, 3, 4);
    await until(() => one.told.outcomes['guarded handled'] === 3);
    expect(handled).toEqual([1, 3, 4]);
    expect(one.told.outcomes).toEqual({ 'guarded handled': 3, 'guarded stale': 2 });
  });

  it('counts no version of a try that was rolled back', async () => {
    const { handled, publish } = await start({});
    await publish(1, 2, 3);
    await until(() => handled.length === 3);
    expect(handled).toEqual([1, 2, 3]);
  });

  it('gives it up where that is asked for', async () => {
    const { one, handled, publish } = await start({ onStale: 'fail' });
    await publish(5, 4, 6);
    await until(() => handled.length === 2 && one.told.deadLetters.length === 1);
    const { messages } = await one.engine.operations.list();
    expect(messages).toMatchObject([{ reason: 'not-retryable', code: 'RKY_MSG_STALE' }]);
  });
});
