import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { messagingMigrations } from '../messaging.migrations.js';
import { TestService, uniqueName, until } from '../testing/test-service.js';
import { decodeData } from './contract-codec.js';
import type { Compatibility, EventContract } from './contract.js';
import { defineEvent } from './define-contract.js';

const db = useDatabase({ migrations: [messagingMigrations] });
const kafka = useKafka();
afterEach(() => TestService.stopAll());

const V1 = z.object({ id: z.string(), n: z.int() });
const V2 = z.object({ id: z.string(), n: z.int(), extra: z.string() });

/** What a service of yesterday knows of an event, and one of tomorrow. */
function both(name: string, compatibility: Compatibility): [EventContract, EventContract] {
  const options = { topic: `${name}.events`, owner: 'spec', compatibility };
  const key = (data: { id: string }): string => data.id;
  return [
    defineEvent(`${name}.happened`, { ...options, key, versions: { 1: V1 } }),
    defineEvent(`${name}.happened`, {
      ...options,
      key,
      versions: { 1: V1, 2: V2 },
      upcast: { 1: (v1) => ({ ...v1, extra: '' }) },
    }),
  ] as [EventContract, EventContract];
}

describe('a version that is newer than a service knows', () => {
  const newer = { id: '1', n: 1, extra: 'x' };

  it.each(['FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'] as const)(
    'is read as the newest it knows, if the contract is %s',
    (mode) => {
      const [old] = both(uniqueName(), mode);
      expect(decodeData(old, 2, newer)).toEqual({ id: '1', n: 1 });
      expect(decodeData(old, 7, newer)).toEqual({ id: '1', n: 1 });
      expect(() => decodeData(old, 2, { id: '1' })).toThrow('n: ');
    },
  );

  it.each(['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE'] as const)(
    'is not read, if the contract is %s',
    (mode) => {
      const [old] = both(uniqueName(), mode);
      expect(() => decodeData(old, 2, newer)).toThrow(
        expect.objectContaining({ code: 'RKY_MSG_UNREADABLE', reason: 'unknown-version' }),
      );
    },
  );

  it('goes to the dead letters when it is not read, and what follows is handled', async () => {
    const name = uniqueName();
    const [old, tomorrow] = both(name, 'BACKWARD');
    const handled: unknown[] = [];
    const service = await TestService.create(name, {
      host: db.unitOfWork,
      brokers: kafka.brokers,
    });
    service.engine.runtime.subscribe({
      consumer: 'reader',
      contracts: [old],
      handle: async (data) => void handled.push(data),
    });
    await service.start();
    await service.engine.publisher.publish(tomorrow, newer);
    await service.engine.publisher.publish(old, { id: '1', n: 2 });
    await until(() => handled.length === 1 && service.told.deadLetters.length === 1);
    expect(handled).toEqual([{ id: '1', n: 2 }]);
    expect(service.told.deadLetters).toEqual([`${old.topic} unknown-version`]);
  });
});
