import { TimeoutError } from '@rookery/core';
import { settle, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { bulkhead } from '../bulkhead/bulkhead.js';
import { circuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import { CircuitOpenError } from '../circuit-breaker/circuit-open.error.js';
import { fallback } from '../fallback/fallback.js';
import { retry } from '../retry/retry.js';
import { timeout } from '../timeout/timeout.js';
import { composePolicies } from './pipeline.js';

const clock = new VirtualClock();

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* numbers(count: number, failure?: Error): AsyncGenerator<number> {
  for (let i = 1; i <= count; i++) yield i;
  if (failure !== undefined) throw failure;
}

describe('a guarded async iterable', () => {
  it('hands items through in order and counts its end', async () => {
    const breaker = circuitBreaker({}, { clock });
    expect(await all(composePolicies(breaker).iterable(() => numbers(1_000)))).toHaveLength(1_000);
    expect(breaker.metrics.successful.calls).toBe(1);
  });

  it('counts a failure and refuses when the circuit is open', async () => {
    const breaker = circuitBreaker({}, { clock });
    const error = new Error('down');
    await expect(all(composePolicies(breaker).iterable(() => numbers(2, error)))).rejects.toBe(
      error,
    );
    expect(breaker.metrics.failed.calls).toBe(1);
    breaker.force('open');
    await expect(all(composePolicies(breaker).iterable(() => numbers(2)))).rejects.toThrow(
      CircuitOpenError,
    );
  });

  it('is repeated only before its first item', async () => {
    const policy = retry({ attempts: 3, backoff: { initial: 10, jitter: 0 } }, { clock });
    let opened = 0;
    const early = all(
      composePolicies(policy).iterable(() =>
        ++opened < 3 ? numbers(0, new Error('early')) : numbers(2),
      ),
    );
    await clock.advance(100);
    expect(await early).toEqual([1, 2]);
    opened = 0;
    const late = composePolicies(policy).iterable(() => {
      opened++;
      return numbers(1, new Error('late'));
    });
    await expect(all(late)).rejects.toThrow('late');
    expect(opened).toBe(1);
  });

  it('falls back to an iterable, an array or a value', async () => {
    const failing = () => numbers(0, new Error('down'));
    const answered = (answer: unknown) =>
      all(composePolicies(fallback(() => answer)).iterable<unknown>(failing));
    expect(await answered(numbers(2))).toEqual([1, 2]);
    expect(await answered([7, 8])).toEqual([7, 8]);
    expect(await answered(Promise.resolve('one'))).toEqual(['one']);
  });

  it('is limited while it is waited for, not while its consumer works', async () => {
    const guard = composePolicies(timeout('1s', { clock }));
    async function* slow(): AsyncGenerator<number> {
      yield 1;
      await clock.sleep(900);
      yield 2;
      await clock.sleep(60_000);
      yield 3;
    }
    const iterator = guard.iterable(slow)[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ value: 1, done: false });
    await clock.advance(10_000);
    const second = iterator.next();
    await clock.advance(900);
    expect(await second).toEqual({ value: 2, done: false });
    const third = iterator.next().catch((error: unknown) => error);
    await clock.advance(1_020);
    expect(await third).toBeInstanceOf(TimeoutError);
  });

  it('ends its source and gives its place back when the consumer leaves', async () => {
    const narrow = bulkhead({ maxConcurrent: 1 }, { clock });
    const breaker = circuitBreaker({}, { clock });
    let ended = false;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        ended = true;
      }
    }
    for await (const item of composePolicies(narrow, breaker).iterable(endless)) {
      expect(narrow.metrics.running).toBe(1);
      if (item === 3) break;
    }
    await settle();
    expect(ended).toBe(true);
    expect(narrow.metrics.running).toBe(0);
    expect(breaker.metrics.successful.calls).toBe(1);
  });

  it('survives a source that fails while it is ended', async () => {
    const narrow = bulkhead({ maxConcurrent: 1 }, { clock });
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: 1, done: false }) as const,
        return: () => {
          throw new Error('in return');
        },
      }),
    };
    for await (const item of composePolicies(narrow).iterable(() => source)) {
      expect(item).toBe(1);
      break;
    }
    await settle();
    expect(narrow.metrics.running).toBe(0);
  });
});
