import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { HEADER } from '../envelope/header-names.js';
import type { MessageContext } from '../handler/message-context.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { readTopic, TestService, uniqueEvent, uniqueName, until } from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();

beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

const service = (name: string): Promise<TestService> =>
  TestService.create(name, { host: db.unitOfWork, brokers: kafka.brokers });

describe('a tombstone', () => {
  it('K22: is a case of its own, told once and in its place among the events of the key', async () => {
    const Happened = uniqueEvent();
    const { engine, start } = await service('spec-tombstone');
    const seen: unknown[] = [];
    engine.runtime.subscribe({
      consumer: 'events',
      contracts: [Happened],
      handle: async ({ key, n }) => void seen.push([key, n]),
    });
    let told: MessageContext | undefined;
    engine.runtime.subscribeTombstones({
      consumer: 'ends',
      event: Happened,
      handle: async (key, context) => {
        told = context;
        seen.push(key);
      },
    });
    await start();
    const { publisher } = engine;
    await publisher.publish(Happened, { key: 'a', n: 1 });
    await publisher.tombstone(Happened, 'a', { id: 'end-of-a', correlationId: 'c-1' });
    await publisher.publish(Happened, { key: 'a', n: 2 });
    await until(() => seen.length === 3);
    expect(seen).toEqual([['a', 1], 'a', ['a', 2]]);
    expect(told).toMatchObject({ id: 'end-of-a', name: Happened.name, correlationId: 'c-1' });
  });

  it('is skipped and counted when nobody wants it, and one of a command is a mistake', async () => {
    const Happened = uniqueEvent();
    const name = uniqueName();
    const Done = defineReply(`${name}.done`, {
      owner: 'spec',
      outcome: 'success',
      versions: { 1: z.object({}) },
    });
    const Do = defineCommand(`${name}.do`, {
      topic: `${name}.commands`,
      owner: 'spec',
      key: () => 'k',
      versions: { 1: z.object({}) },
      replies: [Done],
    });
    const { engine, driver, told, start } = await service('spec-unwanted');
    const seen: string[] = [];
    engine.runtime.subscribe({
      consumer: 'events',
      contracts: [Happened],
      handle: async ({ key }) => void seen.push(key),
    });
    engine.runtime.subscribe({
      consumer: 'commands',
      contracts: [Do],
      handle: async () => ({ contract: Done, data: {} }),
    });
    await start();
    const headers = { [HEADER.specVersion]: '1.0', [HEADER.id]: 'x', [HEADER.type]: Do.name };
    await driver.producer().send([{ topic: Do.topic, key: 'k', value: null, headers }]);
    await engine.publisher.tombstone(Happened, 'a');
    await engine.publisher.publish(Happened, { key: 'a' });
    await until(() => seen.length === 1 && told.deadLetters.length === 1);
    expect(told.skipped).toEqual([`${Happened.topic} tombstone`]);
    expect(told.deadLetters).toEqual([`${Do.topic} bad-json`]);
  });

  it('without headers, as tools write it, ends the key for every event of the topic', async () => {
    const topic = `${uniqueName()}.events`;
    const event = (what: string) =>
      defineEvent(`spec.${what}`, {
        topic,
        owner: 'spec',
        key: ({ key }) => key,
        versions: { 1: z.object({ key: z.string() }) },
      });
    const [One, Two] = [event('one'), event('two')];
    const { engine, driver, start } = await service('spec-tools');
    const seen: string[] = [];
    for (const each of [One, Two]) {
      engine.runtime.subscribeTombstones({
        consumer: each.name,
        event: each,
        handle: async (key, { name }) => void seen.push(`${name} ${key}`),
      });
    }
    await start();
    await driver.producer().send([{ topic, key: 'a', value: null }]);
    await until(() => seen.length === 2);
    await engine.publisher.tombstone(Two, 'b');
    await until(() => seen.length === 3);
    expect(seen.sort()).toEqual(['spec.one a', 'spec.two a', 'spec.two b']);
  });

  it('has a key, a type and no value on the wire', async () => {
    const Happened = uniqueEvent();
    const { engine, driver, start } = await service('spec-wire');
    await start();
    await engine.publisher.tombstone(Happened, 'a');
    const [record] = await readTopic(driver, Happened.topic, 1);
    expect(record).toMatchObject({ value: null, key: Buffer.from('a') });
    expect(String(record?.headers[HEADER.type])).toBe(Happened.name);
    await expect(engine.publisher.tombstone(Happened, '')).rejects.toThrow(
      /key: "" is not allowed/,
    );
  });
});
