import { runInContext, systemClock } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { currentTraceId } from '@rookery/observability';
import { useDatabase } from '@rookery/testing/database';
import { useKafka } from '@rookery/testing/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineReply } from '../contract/define-contract.js';
import type { MessageContext } from '../handler/message-context.js';
import { messagingMigrations } from '../messaging.migrations.js';
import {
  TestService,
  uniqueEvent,
  uniqueName,
  until,
  type TestServiceOptions,
} from '../testing/test-service.js';

const db = useDatabase({ migrations: [messagingMigrations], poolSize: 20 });
const kafka = useKafka();
const MINUTE = 60_000;

beforeEach(() => db.clear());
afterEach(() => TestService.stopAll());

const service = (name: string, options?: TestServiceOptions): Promise<TestService> =>
  TestService.create(name, { host: db.unitOfWork, brokers: kafka.brokers }, options);

describe('a delayed message', () => {
  it('arrives when the time of a test has come, without waiting for it', async () => {
    const clock = new VirtualClock();
    const Happened = uniqueEvent();
    const { engine, start } = await service('spec-virtual', { clock });
    const seen: number[] = [];
    engine.runtime.subscribe({
      consumer: 'virtual',
      contracts: [Happened],
      handle: async ({ n }) => void seen.push(n ?? -1),
    });
    const starting = start();
    await until(async () => {
      await clock.advance(1);
      return engine.runtime.joined;
    });
    await starting;
    const { publisher } = engine;
    await publisher.publish(Happened, { key: 'a', n: 2 }, { delay: '5m' });
    await publisher.publish(Happened, { key: 'a', n: 1 }, { deliverAt: clock.now() + 4 * MINUTE });
    await publisher.publish(Happened, { key: 'a', n: 0 });
    await until(() => seen.length === 1);
    await clock.advance(5 * MINUTE - 1_000);
    await until(() => seen.length === 2);
    expect(await engine.delayed.backlog()).toMatchObject({ pending: 1 });
    await clock.advance(1_000);
    await until(() => seen.length === 3);
    expect(seen).toEqual([0, 1, 2]);
  });

  it('survives the end of the instance that published it', async () => {
    const Happened = uniqueEvent();
    const first = await service('spec-survives');
    await first.engine.publisher.publish(Happened, { key: 'a' }, { delay: 300 });
    await first.stop();
    const second = await service('spec-survives');
    const seen: string[] = [];
    second.engine.runtime.subscribe({
      consumer: 'survivor',
      contracts: [Happened],
      handle: async ({ key }) => void seen.push(key),
    });
    await second.start();
    await until(() => seen.length > 0);
    expect(seen).toEqual(['a']);
  });

  it('is never early, and woken by its own time instead of by polling', async () => {
    const Happened = uniqueEvent();
    const { engine, start } = await service('spec-late', {
      messaging: { delayed: { poll: '1h' } },
    });
    const late: number[] = [];
    const due = new Map<number, number>();
    engine.runtime.subscribe({
      consumer: 'late',
      contracts: [Happened],
      handle: async ({ n }) => void late.push(systemClock.now() - (due.get(n ?? -1) ?? 0)),
    });
    await start();
    for (let n = 0; n < 20; n += 1) {
      const delay = 150 + n * 40;
      due.set(n, systemClock.now() + delay);
      await engine.publisher.publish(Happened, { key: `k${n}`, n }, { delay });
    }
    await until(() => late.length === 20);
    // Its time begins within the insert, a little after ours.
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  });

  it('K23: keeps its trace, its correlation and its cause over the delay', async () => {
    const clock = new VirtualClock();
    const Happened = uniqueEvent();
    const Done = defineReply(`${uniqueName()}.done`, {
      owner: 'spec',
      outcome: 'success',
      versions: { 1: z.object({}) },
    });
    const name = uniqueName();
    const Do = defineCommand(`${name}.do`, {
      topic: `${name}.commands`,
      owner: 'spec',
      key: ({ id }) => id,
      versions: { 1: z.object({ id: z.string() }) },
      replies: [Done],
    });
    const { engine, start, tracing } = await service('spec-traced', { clock });
    const seen: { trace: string | undefined; context: MessageContext }[] = [];
    engine.runtime.subscribe({
      consumer: 'traced',
      contracts: [Happened, Do],
      handle: async (_data, context) => {
        seen.push({ trace: currentTraceId(), context });
        return context.name === Do.name ? { contract: Done, data: {} } : undefined;
      },
    });
    const starting = start();
    await until(async () => {
      await clock.advance(1);
      return engine.runtime.joined;
    });
    await starting;
    let trace: string | undefined;
    await runInContext({ app: 'spec', correlationId: 'c-42' }, () =>
      tracing.run('caller', {}, async () => {
        trace = currentTraceId();
        const options = { delay: '1h', causationId: 'cause-1', headers: { tenant: 'blue' } };
        await engine.publisher.publish(Happened, { key: 'a' }, options);
        await engine.publisher.send(Do, { id: 'a' }, options);
      }),
    );
    await clock.advance(60 * MINUTE);
    await until(() => seen.length === 2);
    for (const { trace: seenTrace, context } of seen) {
      expect(seenTrace).toBe(trace);
      expect(context.correlationId).toBe('c-42');
      expect(context.causationId).toBe('cause-1');
      expect(context.headers['tenant']).toBe('blue');
    }
  });

  it('can be taken back with the transaction that makes it superfluous', async () => {
    const Happened = uniqueEvent();
    const { engine } = await service('spec-cancel');
    const { publisher } = engine;
    await publisher.publish(Happened, { key: 'a' }, { id: 'reminder-1', delay: '1d' });
    await db.unitOfWork.run(async () => {
      expect(await publisher.cancelDelayed('reminder-1')).toBe(true);
    });
    expect(await publisher.cancelDelayed('reminder-1')).toBe(false);
    expect(await engine.delayed.backlog()).toMatchObject({ pending: 0 });
  });

  it('is refused when it is delayed too long, before anything is written', async () => {
    const Happened = uniqueEvent();
    const { engine } = await service('spec-limit');
    await expect(
      engine.publisher.publish(Happened, { key: 'a' }, { delay: '367d' }),
    ).rejects.toThrow(/delay: 367d is too long/);
    expect(await engine.delayed.backlog()).toMatchObject({ pending: 0 });
  });
});
