import { settle, VirtualClock } from '@rookery/core/testing';
import { MemoryBroker, MemoryKafkaDriver, type ConsumerOptions } from '@rookery/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ConsumerHandler } from '../consumer/consumer-handler.js';
import { GroupConsumer } from '../consumer/group-consumer.js';
import { Slots } from '../consumer/slots.js';
import { defineEvent } from '../contract/define-contract.js';
import { HEADER } from '../envelope/header-names.js';
import { consumersHealth, messagingHealth } from './messaging.health.js';
import { Vitals } from './vitals.js';

const Happened = defineEvent('vitals.happened', {
  topic: 'vitals.events',
  owner: 'vitals',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
});
const NEVER = new AbortController().signal;
const MINUTE = 60_000;

let clock: VirtualClock;
let driver: MemoryKafkaDriver;
let lines: string[];
let handling: () => Promise<number | undefined>;
let oldestSeconds: number;
let group: GroupConsumer;
let vitals: Vitals;
/** Whether records still reach the consumer. */
let delivers: boolean;

beforeEach(async () => {
  clock = new VirtualClock();
  const broker = new MemoryBroker();
  broker.createTopic(Happened.topic, 1);
  driver = new MemoryKafkaDriver({ broker, clock });
  lines = [];
  handling = async () => undefined;
  oldestSeconds = 0;
  delivers = true;
  group = new GroupConsumer(
    {
      group: 'g',
      maxInFlight: 10,
      maxInFlightBytes: 100_000,
      commitIntervalMs: 10,
      drainMs: 10,
      unknownType: 'dead-letter',
    },
    {
      // As a client that has stopped without saying so.
      driver: Object.assign(Object.create(driver) as MemoryKafkaDriver, {
        consumer: (options: ConsumerOptions) => {
          const consumer = driver.consumer(options);
          const start = consumer.start.bind(consumer);
          consumer.start = (handlers, signal) =>
            start(
              { ...handlers, onRecords: (batch) => delivers && handlers.onRecords(batch) },
              signal,
            );
          return consumer;
        },
      }),
      // No handler here takes batches.
      batches: {} as never,
      processor: { process: () => handling(), unreadable: async () => undefined },
      slots: new Slots(10),
      clock,
      log: () => {},
    },
    [
      {
        consumer: 'h',
        group: 'g',
        topics: [Happened.topic],
        contracts: new Map([[Happened.name, Happened]]),
        retry: { attempts: 5, backoff: { initial: 100, max: 1_000, factor: 2 } },
        concurrency: 10,
        timeoutMs: 30_000,
        effects: 'once',
        ordered: true,
        onFailure: 'dead-letter',
        onStale: 'skip',
        handle: async () => undefined,
      } satisfies ConsumerHandler,
    ],
  );
  await group.start(NEVER);
  const admin = driver.admin();
  vitals = new Vitals(
    { wedgedAfterMs: 2 * MINUTE, alarmAfterMs: MINUTE },
    {
      groups: () => [group],
      measure: (name, topics) => admin.lag(name, topics),
      backlog: async () => ({ oldestSeconds }),
      clock,
      log: (level, message) => lines.push(`${level}: ${message}`),
    },
  );
  vitals.start();
});
afterEach(async () => {
  await vitals.stop();
  const stopped = group.stop();
  await clock.advance(100);
  await stopped;
});

async function send(count = 1): Promise<void> {
  const headers = { [HEADER.type]: Happened.name };
  const record = { topic: Happened.topic, key: 'k', value: '{"key":"k"}', headers };
  await driver.producer().send(Array.from({ length: count }, () => record));
  await settle();
}

const health = () => consumersHealth(vitals).check(NEVER);

describe('the health of consumers', () => {
  it('K14: fails, for liveness too, when a consumer has stopped without an error while more arrives', async () => {
    await send();
    await clock.advance(MINUTE);
    expect(await health()).toEqual({ status: 'up' });
    delivers = false;
    await clock.advance(10 * MINUTE);
    // Nothing to do is no reason to get on.
    expect(await health()).toEqual({ status: 'up' });
    await send();
    await clock.advance(MINUTE);
    expect(await health()).toMatchObject({ status: 'down' });
    expect(consumersHealth(vitals).groups).toEqual(['live', 'ready']);
    expect(lines.join()).toMatch(/^error: consumers of g make no progress for \d+ s \(lag 1/);
    expect(lines).toHaveLength(1);
  });

  it('K14: fails when records are in memory whose handling does not end', async () => {
    handling = () => new Promise(() => {});
    await send(2);
    await clock.advance(MINUTE);
    expect(await health()).toEqual({ status: 'up' });
    await clock.advance(2 * MINUTE);
    expect(await health()).toMatchObject({
      status: 'down',
      details: { still: [{ group: 'g', inFlight: 2, wedged: true }] },
    });
  });

  it('bears tries that fail: they are retried, and not stuck', async () => {
    handling = async () => 1_000;
    await send();
    await clock.advance(10 * MINUTE);
    expect(await health()).toEqual({ status: 'up' });
  });

  it('is only degraded by a lag that stays: ends of transactions count as records', async () => {
    await clock.advance(MINUTE);
    delivers = false;
    await send();
    // The lag is there before the first look after the progress, and never grows.
    vitals = await replaced();
    await clock.advance(5 * MINUTE);
    expect(await health()).toMatchObject({ status: 'degraded' });
    expect(lines).toEqual([]);
  });
});

async function replaced(): Promise<Vitals> {
  await vitals.stop();
  const admin = driver.admin();
  const made = new Vitals(
    { wedgedAfterMs: 2 * MINUTE, alarmAfterMs: MINUTE },
    {
      groups: () => [group],
      measure: (name, topics) => admin.lag(name, topics),
      backlog: async () => ({ oldestSeconds }),
      clock,
      log: (level, message) => lines.push(`${level}: ${message}`),
    },
  );
  made.start();
  return made;
}

describe('the health of the outbox', () => {
  it('is degraded, and said once, while its oldest message waits for too long', async () => {
    const contributor = messagingHealth(
      {
        runtime: { joined: true },
        relay: { lastError: undefined },
        outbox: { backlog: async () => ({ pending: 3, oldestSeconds }) },
      },
      MINUTE,
    );
    expect(await contributor.check(NEVER)).toMatchObject({ status: 'up' });
    oldestSeconds = 61;
    await clock.advance(MINUTE);
    expect(await contributor.check(NEVER)).toMatchObject({
      status: 'degraded',
      details: { outboxPending: 3, outboxOldestSeconds: 61 },
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('the oldest message of the outbox waits for 61 s');
    oldestSeconds = 0;
    await clock.advance(MINUTE);
    expect(lines.at(-1)).toBe('info: the outbox is sent again');
  });
});
