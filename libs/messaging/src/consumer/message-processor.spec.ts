import { systemClock } from '@rookery/core';
import { seededRandom, settle, VirtualClock } from '@rookery/core/testing';
import type { IncomingRecord } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { DatabaseUnavailableError, TransactionHost } from '@rookery/persistence';
import { useDatabase } from '@rookery/testing/database';
import { beforeEach, describe, expect, it } from 'vitest';
import { noDelays } from '../testing/test-service.js';
import { z } from 'zod';
import { defineCommand, defineEvent, defineReply } from '../contract/define-contract.js';
import { HEADER } from '../envelope/header-names.js';
import { Inbox } from '../inbox/inbox.js';
import { messagingMigrations } from '../messaging.migrations.js';
import { Outbox } from '../outbox/outbox.js';
import { MessageWriter } from '../publish/message-writer.js';
import type { ConsumerHandler } from './consumer-handler.js';
import { Delivery } from './delivery.js';
import { FailedMessages } from '../parking/failed-messages.js';
import { MessageProcessor, type Progress } from './message-processor.js';

const db = useDatabase({ migrations: [messagingMigrations] });
const NEVER = new AbortController().signal;

const Happened = defineEvent('procspec.happened', {
  topic: 'procspec.events',
  owner: 'procspec',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
});
const Done = defineReply('procspec.done', {
  owner: 'procspec',
  outcome: 'success',
  versions: { 1: z.object({}) },
});
const Do = defineCommand('procspec.do', {
  owner: 'procspec',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
  replies: [Done],
});

/** The real transactions, except while the database is said to be away. */
class Flaky extends TransactionHost {
  away = false;
  get active(): boolean {
    return db.unitOfWork.active;
  }
  async run<T>(fn: () => Promise<T>, options?: object): Promise<T> {
    if (this.away) throw new DatabaseUnavailableError(new Error('ECONNREFUSED'));
    return db.unitOfWork.run(fn, options);
  }
  query: TransactionHost['query'] = (sql, params) => db.unitOfWork.query(sql, params);
  afterCommit(fn: () => void): void {
    db.unitOfWork.afterCommit(fn);
  }
}

let host: Flaky;
let log: string[];
let outcomes: string[];
let progress: Progress;

beforeEach(async () => {
  await db.clear();
  host = new Flaky();
  log = [];
  outcomes = [];
  progress = { attempts: 0, outages: 0 };
});

function processor(clock = systemClock): MessageProcessor {
  const outbox = new Outbox(host, () => {});
  const tracing = new Tracing({ app: 'procspec', instance: 'procspec-1' });
  return new MessageProcessor({
    service: 'procspec',
    host,
    inbox: new Inbox(host),
    outbox,
    failures: new FailedMessages(host),
    writer: new MessageWriter({
      service: 'procspec',
      outbox,
      delayed: noDelays,
      tracing,
      clock,
      maxMessageSize: 10_000,
    }),
    tracing,
    clock,
    random: seededRandom(1),
    log: (level, message) => log.push(`${level}: ${message}`),
    listener: {
      onOutcome: (_consumer, outcome) => outcomes.push(outcome),
      onDeadLetter: (_topic, reason) => outcomes.push(reason),
    },
  });
}

function handler(handle: ConsumerHandler['handle']): ConsumerHandler {
  return {
    consumer: 'h',
    group: 'g',
    topics: [Happened.topic],
    contracts: new Map(),
    retry: { attempts: 3, backoff: { initial: 100, max: 1_000, factor: 2 } },
    concurrency: 1,
    timeoutMs: 500,
    effects: 'once',
    ordered: true,
    onFailure: 'dead-letter',
    onStale: 'skip',
    handle,
  };
}

function delivery(type: string = Happened.name): Delivery {
  const headers = Object.fromEntries(
    Object.entries({
      [HEADER.specVersion]: '1.0',
      [HEADER.id]: 'id-1',
      [HEADER.type]: type,
      [HEADER.replyTo]: 'replies',
    }).map(([name, value]) => [name, Buffer.from(value)]),
  );
  const record: IncomingRecord = {
    topic: Happened.topic,
    partition: 2,
    offset: 7,
    key: Buffer.from('k'),
    value: Buffer.from('{"key":"k"}'),
    headers,
    timestamp: 1,
  };
  return new Delivery(record, (name) => [Happened, Do].find((each) => each.name === name));
}

async function outboxTopics(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ topic: string }>(
    'select topic from rookery_outbox order by id',
  );
  return rows.map(({ topic }) => topic);
}

describe('MessageProcessor', () => {
  it('waits as long as the database is away, without using up tries', async () => {
    let handled = 0;
    const work = handler(async () => void (handled += 1));
    host.away = true;
    for (let i = 0; i < 20; i += 1) {
      expect(await processor().process(work, delivery(), progress, NEVER)).toBeLessThanOrEqual(
        5_000,
      );
    }
    expect(progress).toEqual({ attempts: 0, outages: 20 });
    expect(log).toEqual(['warn: procspec.happened (id-1) in h waits for the database']);
    host.away = false;
    expect(await processor().process(work, delivery(), progress, NEVER)).toBeUndefined();
    expect(handled).toBe(1);
    expect(await outboxTopics()).toEqual([]);
  });

  it('gives the handler another try when not even the dead letter could be written', async () => {
    let works = false;
    const work = handler(async () => {
      if (works) return;
      host.away = progress.attempts === 2;
      throw new Error('no');
    });
    const subject = processor();
    for (let i = 0; i < 3; i += 1) {
      expect(await subject.process(work, delivery(), progress, NEVER)).toBeGreaterThan(0);
    }
    expect(progress).toEqual({ attempts: 3, outages: 1 });
    host.away = false;
    works = true;
    expect(await subject.process(work, delivery(), progress, NEVER)).toBeUndefined();
    expect(outcomes.at(-1)).toBe('handled');
    expect(await outboxTopics()).toEqual([]);
  });

  it('writes one dead letter, however often the record comes again', async () => {
    const work = handler(async () => {
      throw new Error('no');
    });
    for (let i = 0; i < 3; i += 1) await processor().process(work, delivery(), progress, NEVER);
    expect(outcomes).toEqual(['retried', 'retried', 'retries-exhausted', 'dead-lettered']);
    progress = { attempts: 0, outages: 0 };
    expect(await processor().process(work, delivery(), progress, NEVER)).toBeUndefined();
    expect(outcomes.at(-1)).toBe('duplicate');
    expect(await outboxTopics()).toEqual(['procspec.events.dlt']);
  });

  it('ends a try that takes too long, rolls it back, and tells the handler', async () => {
    const clock = new VirtualClock();
    let told: unknown;
    let waits = false;
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let late: Promise<unknown> | undefined;
    const work = handler(async (_data, { signal }) => {
      await db.unitOfWork.query(`insert into rookery_inbox values ('effect', 'x')`);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          told = signal.reason;
          resolve();
        });
        waits = true;
      });
      // The handler goes on, but its transaction is over.
      await released;
      late = db.unitOfWork.query(`insert into rookery_inbox values ('effect', 'late')`);
      late.catch(() => {});
    });
    const result = processor(clock).process(work, delivery(), progress, NEVER);
    while (!waits) await settle();
    await clock.advance(500);
    expect(await result).toBeGreaterThan(0);
    expect(told).toMatchObject({ code: 'RKY_MSG_HANDLER_TIMEOUT' });
    expect(log[0]).toContain('try 1 of 3');
    release();
    while (late === undefined) await settle();
    await expect(late).rejects.toMatchObject({ code: 'RKY_DB_TRANSACTION_ENDED' });
    const { rowCount } = await db.unitOfWork.query('select 1 from rookery_inbox');
    expect(rowCount).toBe(0);
  });

  it('leaves a message alone whose partition has moved on', async () => {
    const fence = new AbortController();
    const work = handler(async () => {
      fence.abort(new Error('moved'));
      await new Promise(() => {});
    });
    expect(await processor().process(work, delivery(), progress, fence.signal)).toBeUndefined();
    expect(outcomes).toEqual([]);
    expect(await outboxTopics()).toEqual([]);
  });

  it('needs no database for a handler whose effects may be had more than once', async () => {
    let tries = 0;
    const work: ConsumerHandler = {
      ...handler(async () => {
        tries += 1;
        expect(host.active).toBe(false);
        if (tries === 1) throw new Error('no');
      }),
      effects: 'at-least-once',
    };
    host.away = true;
    host.query = async () => {
      throw new Error('the database was used');
    };
    expect(await processor().process(work, delivery(), progress, NEVER)).toBeGreaterThan(0);
    for (let i = 0; i < 2; i += 1) {
      expect(await processor().process(work, delivery(), progress, NEVER)).toBeUndefined();
    }
    expect(outcomes).toEqual(['retried', 'handled', 'handled']);
  });

  it('writes a dead letter for a handler without transaction too, and one only', async () => {
    const work: ConsumerHandler = {
      ...handler(async () => {
        throw new Error('no');
      }),
      effects: 'at-least-once',
      retry: { attempts: 1, backoff: { initial: 1, max: 1, factor: 1 } },
    };
    for (let i = 0; i < 2; i += 1) {
      expect(await processor().process(work, delivery(), progress, NEVER)).toBeUndefined();
    }
    expect(await outboxTopics()).toEqual(['procspec.events.dlt']);
  });

  it('dead-letters a command whose handler does not answer it, or not with one of its replies', async () => {
    const work = handler(async () => undefined);
    await processor().process(work, delivery(Do.name), progress, NEVER);
    expect(outcomes).toEqual(['not-retryable', 'dead-lettered']);
    expect(await outboxTopics()).toEqual(['procspec.events.dlt']);
  });

  it('handles a message once when two do so at the same time', async () => {
    let entered: () => void = () => {};
    const inside = new Promise<void>((resolve) => (entered = resolve));
    let leave: () => void = () => {};
    const left = new Promise<void>((resolve) => (leave = resolve));
    let handled = 0;
    const work = handler(async () => {
      handled += 1;
      entered();
      await left;
    });
    const first = processor().process(work, delivery(), progress, NEVER);
    await inside;
    const second = processor().process(work, delivery(), { attempts: 0, outages: 0 }, NEVER);
    leave();
    await Promise.all([first, second]);
    expect(handled).toBe(1);
    expect(outcomes.sort()).toEqual(['duplicate', 'handled']);
  });
});
