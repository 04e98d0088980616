import { settle, VirtualClock } from '@rookery/core/testing';
import { MemoryBroker, MemoryKafkaDriver, partitionOf, type OutgoingRecord } from '@rookery/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { HEADER } from '../envelope/header-names.js';
import type { ConsumerHandler } from './consumer-handler.js';
import type { Delivery } from './delivery.js';
import { GroupConsumer, type GroupConsumerOptions } from './group-consumer.js';
import type { Progress } from './message-processor.js';
import { Slots } from './slots.js';

const Happened = defineEvent('spec.happened', {
  topic: 't',
  owner: 'spec',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
});

const Done = defineReply('spec.done', {
  owner: 'spec',
  outcome: 'success',
  versions: { 1: z.object({ key: z.string() }) },
});
const Do = defineCommand('spec.do', {
  owner: 'spec',
  topic: 't',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
  replies: [Done],
});

const OPTIONS: GroupConsumerOptions = {
  group: 'g',
  maxInFlight: 100,
  maxInFlightBytes: 1_000_000,
  commitIntervalMs: 100,
  drainMs: 1_000,
  unknownType: 'dead-letter',
};

const NEVER = new AbortController().signal;

let clock: VirtualClock;
let broker: MemoryBroker;
let log: string[];
let groups: GroupConsumer[];

beforeEach(() => {
  clock = new VirtualClock();
  broker = new MemoryBroker();
  broker.createTopic('t', 1);
  log = [];
  groups = [];
});
afterEach(async () => {
  const stopped = Promise.all(groups.map((group) => group.stop()));
  await clock.advance(10_000);
  await stopped;
  if (clock.pending > 0) throw new Error('a timer was left behind');
});

function handler(consumer: string, concurrency = 10): ConsumerHandler {
  return {
    consumer,
    group: 'g',
    topics: ['t'],
    contracts: new Map([[Happened.name, Happened]]),
    retry: { attempts: 5, backoff: { initial: 100, max: 1_000, factor: 2 } },
    concurrency,
    timeoutMs: 1_000,
    effects: 'once',
    ordered: true,
    onFailure: 'dead-letter',
    onStale: 'skip',
    handle: async () => undefined,
  };
}

function commandHandler(consumer: string): ConsumerHandler {
  return { ...handler(consumer), contracts: new Map([[Do.name, Do]]) };
}

/** What a handler does with a record: how long it takes, and the pause before another try. */
type Behaviour = (
  consumer: string,
  value: string,
  progress: Progress,
  fence: AbortSignal,
) => Promise<number | undefined>;

const takes =
  (ms: number): Behaviour =>
  async () => {
    await clock.sleep(ms);
    return undefined;
  };

async function start(
  behaviour: Behaviour,
  handlers = [handler('h')],
  options: Partial<GroupConsumerOptions> = {},
): Promise<GroupConsumer> {
  const group = new GroupConsumer(
    { ...OPTIONS, ...options },
    {
      driver: new MemoryKafkaDriver({ broker, clock }),
      // No handler here takes batches.
      batches: {} as never,
      processor: {
        process: async ({ consumer }, delivery, progress, fence) => {
          const value = String(delivery.record.value);
          log.push(`${consumer} ${value}+`);
          const again = await behaviour(consumer, value, progress, fence);
          log.push(`${consumer} ${value}-`);
          return again;
        },
        unreadable: async (_group: string, delivery: Delivery) => {
          log.push(`unreadable ${String(delivery.record.value)}`);
          return undefined;
        },
      },
      slots: new Slots(10),
      clock,
      log: () => {},
    },
    handlers,
  );
  groups.push(group);
  await group.start(NEVER);
  return group;
}

async function send(...values: string[]): Promise<void> {
  await new MemoryKafkaDriver({ broker, clock })
    .producer()
    .send(values.map((value) => record(value)));
  await settle();
}

/** The key is the first letter of the value. */
function record(value: string, type: string | null = Happened.name): OutgoingRecord {
  return {
    topic: 't',
    key: value.slice(0, 1),
    value,
    headers: type === null ? {} : { [HEADER.type]: type },
  };
}

const committed = (): number | undefined =>
  broker.group('g').committed({ topic: 't', partition: 0 });

describe('GroupConsumer', () => {
  it('handles records of a key in order, and those of other keys beside them', async () => {
    await start(takes(10));
    await send('a1', 'a2', 'b1');
    await clock.advance(10);
    expect(log.slice(0, 2)).toEqual(['h a1+', 'h b1+']);
    expect(log.indexOf('h a2+')).toBeGreaterThan(log.indexOf('h a1-'));
    expect(log).toContain('h b1-');
  });

  it('K12: commits nothing beyond a record that is not finished', async () => {
    await start(async (_consumer, value) => {
      await clock.sleep(value === 'a1' ? 1_000 : 10);
      return undefined;
    });
    await send('a1', 'b1', 'c1');
    await clock.advance(900);
    expect(committed()).toBeUndefined();
    await clock.advance(300);
    expect(committed()).toBe(3);
  });

  it('gives each handler its own tries: one that fails never repeats another', async () => {
    await start(
      async (consumer, _value, progress) =>
        consumer === 'bad' && ++progress.attempts < 4 ? 100 : undefined,
      [handler('good'), handler('bad')],
    );
    await send('a1');
    await clock.advance(1_000);
    expect(log.filter((line) => line === 'good a1+')).toHaveLength(1);
    expect(log.filter((line) => line === 'bad a1+')).toHaveLength(4);
    expect(committed()).toBe(1);
  });

  it('keeps the order of a key across types and handlers, also when an earlier one is slow', async () => {
    await start(
      async (consumer) => {
        await clock.sleep(consumer === 'happens' ? 500 : 1);
        return undefined;
      },
      [handler('happens'), commandHandler('does')],
    );
    const sender = new MemoryKafkaDriver({ broker, clock }).producer();
    await sender.send([record('a1'), record('a2', Do.name), record('b1', Do.name)]);
    await clock.advance(1_000);
    expect(log.indexOf('does a2+')).toBeGreaterThan(log.indexOf('happens a1-'));
    expect(log.indexOf('does b1-')).toBeLessThan(log.indexOf('happens a1-'));
  });

  it('K10: lets other keys pass while one tries again', async () => {
    let broken = true;
    await start(async (_consumer, value) => (broken && value === 'a1' ? 500 : undefined));
    await send('a1', 'a2', 'b1', 'b2');
    await clock.advance(100);
    expect(log.filter((line) => line.endsWith('+'))).toEqual(['h a1+', 'h b1+', 'h b2+']);
    broken = false;
    await clock.advance(1_000);
    expect(log.at(-1)).toBe('h a2-');
    expect(committed()).toBe(4);
  });

  it('lets followers of a key pass a handler that asks for no order, and still commits no gap', async () => {
    let broken = true;
    await start(
      async (consumer, value) =>
        broken && consumer === 'loose' && value === 'a1' ? 500 : undefined,
      [handler('strict'), { ...handler('loose'), ordered: false }],
    );
    await send('a1', 'a2');
    await clock.advance(200);
    expect(log.filter((line) => line.endsWith('+')).sort()).toEqual([
      'loose a1+',
      'loose a2+',
      'strict a1+',
      'strict a2+',
    ]);
    expect(committed()).toBeUndefined();
    broken = false;
    await clock.advance(1_000);
    expect(committed()).toBe(2);
  });

  it('skips events that others handle, but not records without a type', async () => {
    await start(takes(0));
    const sender = new MemoryKafkaDriver({ broker, clock }).producer();
    await sender.send([record('x1', 'spec.for-others'), record('z1', null)]);
    await clock.advance(1_000);
    expect(log).toEqual(['unreadable z1']);
    expect(committed()).toBe(2);
  });

  it('hands in a command that nobody takes', async () => {
    await start(takes(0), [commandHandler('h')]);
    const sender = new MemoryKafkaDriver({ broker, clock }).producer();
    await sender.send([record('y1', 'spec.unheard-of'), record('z1', null)]);
    await clock.advance(1_000);
    expect(log).toEqual(['unreadable y1', 'unreadable z1']);
    expect(committed()).toBe(2);
  });

  it('ignores unknown commands when told to, but not records without any type', async () => {
    await start(takes(0), [commandHandler('h')], { unknownType: 'ignore' });
    const sender = new MemoryKafkaDriver({ broker, clock }).producer();
    await sender.send([record('y1', 'spec.unheard-of'), record('z1', null)]);
    await clock.advance(1_000);
    expect(log).toEqual(['unreadable z1']);
    expect(committed()).toBe(2);
  });

  it('pauses a partition that has too much in memory, and goes on at half of it', async () => {
    const group = await start(takes(10), [handler('h', 1)], { maxInFlight: 20 });
    for (let i = 0; i < 50; i += 1) await send(`${i}`);
    expect(group.inFlight).toBe(21);
    await clock.advance(110);
    expect(group.inFlight).toBeLessThanOrEqual(50);
    await clock.advance(2_000);
    expect(log.filter((line) => line.endsWith('-'))).toHaveLength(50);
    expect(committed()).toBe(50);
  });

  it('pauses by bytes as well', async () => {
    const group = await start(takes(10), [handler('h', 1)], { maxInFlightBytes: 5_000 });
    for (let i = 0; i < 50; i += 1) await send(`${i}`.padEnd(1_000, '.'));
    expect(group.inFlight).toBeLessThan(8);
    await clock.advance(2_000);
    expect(committed()).toBe(50);
  });

  it('finishes what runs and commits it before a partition goes to another member', async () => {
    broker = new MemoryBroker();
    broker.createTopic('t', 2);
    await start(takes(300));
    // Keys of different partitions: Java's hash puts them there.
    const [one, two] = ['a', 'b', 'c', 'd', 'e'].filter(
      (key, i, all) =>
        i === 0 || partitionOf(Buffer.from(key), 2) !== partitionOf(Buffer.from(all[0] ?? ''), 2),
    );
    const values = [`${one}1`, `${one}2`, `${two}1`, `${two}2`];
    await send(...values);
    await clock.advance(50);
    const second = start(takes(300));
    await clock.advance(255);
    await second;
    expect(
      [0, 1].map((partition) => broker.group('g').committed({ topic: 't', partition })),
    ).toEqual([1, 1]);
    await clock.advance(1_000);
    for (const value of values) {
      expect(log.filter((line) => line === `h ${value}-`)).toHaveLength(1);
    }
  });

  it('fences handlers that do not finish in time, and commits without them', async () => {
    const fenced: string[] = [];
    const group = await start(async (_consumer, value, _progress, fence) => {
      fence.addEventListener('abort', () => fenced.push(value));
      await clock.sleep(value === 'b1' ? 60_000 : 10);
      return undefined;
    });
    await send('a1', 'b1', 'c1');
    await clock.advance(50);
    const stopped = group.stop();
    await clock.advance(999);
    expect(fenced).toEqual([]);
    await clock.advance(1);
    await stopped;
    expect(fenced).toContain('b1');
    expect(committed()).toBe(1);
    await clock.advance(60_000);
    expect(committed()).toBe(1);
  });

  it('begins nothing new while it stops, and leaves the rest to others', async () => {
    const group = await start(takes(100));
    await send('a1', 'a2', 'a3');
    await clock.advance(10);
    const stopped = group.stop();
    await clock.advance(200);
    await stopped;
    expect(log).toEqual(['h a1+', 'h a1-']);
    expect(committed()).toBe(1);
    await start(takes(10));
    await clock.advance(500);
    expect(log.slice(2)).toEqual(['h a2+', 'h a2-', 'h a3+', 'h a3-']);
  });

  it('commits again later when the broker did not take it', async () => {
    let away = true;
    broker.faults.commit = () => (away ? new Error('away') : undefined);
    await start(takes(10));
    await send('a1');
    await clock.advance(500);
    expect(committed()).toBeUndefined();
    away = false;
    await clock.advance(200);
    expect(committed()).toBe(1);
  });
});
