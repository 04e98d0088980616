import { seededRandom, VirtualClock } from '@rookery/core/testing';
import { Tracing } from '@rookery/observability';
import { TransactionHost, type StatementResult } from '@rookery/persistence';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { HEADER } from '../envelope/header-names.js';
import { Inbox } from '../inbox/inbox.js';
import { Outbox } from '../outbox/outbox.js';
import { Delivery } from './delivery.js';
import { FailedMessages } from '../parking/failed-messages.js';
import { MessageProcessor } from './message-processor.js';

const Happened = defineEvent('limits.happened', {
  topic: 'limits.events',
  owner: 'limits',
  key: (data) => data.key,
  versions: { 1: z.object({ key: z.string() }) },
});

/** A database where every statement affects a row, once it has waited for something. */
class Slow extends TransactionHost {
  readonly active = true;
  constructor(private readonly wait: () => void) {
    super();
  }
  async run<T>(fn: () => Promise<T>): Promise<T> {
    return fn();
  }
  async query<R>(): Promise<StatementResult<R>> {
    this.wait();
    return { rows: [], rowCount: 1 };
  }
  afterCommit(): void {}
}

it('leaves nothing behind of a handler that throws at once, and begins none that is too late', async () => {
  const clock = new VirtualClock();
  const fence = new AbortController();
  const host = new Slow(() => late && fence.abort(new Error('moved on')));
  let late = false;
  const processor = new MessageProcessor({
    service: 'limits',
    host,
    inbox: new Inbox(host),
    outbox: new Outbox(host, () => {}),
    failures: new FailedMessages(host),
    writer: { answer: async () => {} },
    tracing: new Tracing({ app: 'limits', instance: 'limits-1' }),
    clock,
    random: seededRandom(1),
    log: () => {},
    listener: { onOutcome: () => {}, onDeadLetter: () => {} },
  });
  const headers = { [HEADER.specVersion]: '1.0', [HEADER.id]: 'i', [HEADER.type]: Happened.name };
  const delivery = new Delivery(
    {
      topic: 'limits.events',
      partition: 0,
      offset: 0,
      key: null,
      value: Buffer.from('{"key":"k"}'),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]),
      ),
      timestamp: 0,
    },
    () => Happened,
  );
  let begun = 0;
  const handle = (): never => {
    begun += 1;
    throw new Error('at once');
  };
  const attempt = () =>
    processor.process(
      {
        consumer: 'h',
        group: 'g',
        topics: [Happened.topic],
        contracts: new Map(),
        retry: { attempts: 3, backoff: { initial: 1, max: 1, factor: 1 } },
        concurrency: 1,
        timeoutMs: 1_000,
        effects: 'once',
        ordered: true,
        onFailure: 'dead-letter',
        onStale: 'skip',
        handle,
      },
      delivery,
      { attempts: 0, outages: 0 },
      fence.signal,
    );
  expect(await attempt()).toBeGreaterThan(0);
  expect(clock.pending).toBe(0);
  late = true;
  expect(await attempt()).toBeUndefined();
  expect(begun).toBe(1);
  expect(clock.pending).toBe(0);
});
