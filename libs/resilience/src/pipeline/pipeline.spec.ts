import { AsyncLocalStorage } from 'node:async_hooks';
import { InvalidOptionError, TimeoutError } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { BulkheadFullError } from '../bulkhead/bulkhead-full.error.js';
import { bulkhead } from '../bulkhead/bulkhead.js';
import { circuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import { CircuitOpenError } from '../circuit-breaker/circuit-open.error.js';
import { fallback } from '../fallback/fallback.js';
import { retry } from '../retry/retry.js';
import { timeout } from '../timeout/timeout.js';
import { activeCall } from './attempt.js';
import { composePolicies } from './pipeline.js';
import type { Policy } from './policy.js';

function setup() {
  const clock = new VirtualClock();
  const context = { clock };
  return {
    clock,
    fallback: fallback(() => 'fallback', {}, context),
    retry: retry({ attempts: 3, backoff: { initial: '100ms', jitter: 0 } }, context),
    breaker: circuitBreaker({ window: { type: 'count', size: 6 } }, context),
    timeout: timeout('1s', context),
    bulkhead: bulkhead({ maxConcurrent: 1 }, context),
  };
}

const never = (): Promise<never> => new Promise(() => {});

describe('composed policies', () => {
  it('have one effective order, whatever order they are given in', async () => {
    const orders: ((parts: ReturnType<typeof setup>) => Policy[])[] = [
      (p) => [p.fallback, p.retry, p.breaker, p.timeout, p.bulkhead],
      (p) => [p.bulkhead, p.timeout, p.breaker, p.retry, p.fallback],
      (p) => [p.breaker, p.fallback, p.bulkhead, p.retry, p.timeout],
    ];
    for (const order of orders) {
      const parts = setup();
      let calls = 0;
      const result = composePolicies(...order(parts)).run(() => {
        calls++;
        return Promise.reject(new Error('down'));
      });
      await parts.clock.advance(1_000);
      // A fallback that stood inside of the retry would have answered the first attempt.
      expect(await result).toBe('fallback');
      expect(calls).toBe(3);
      expect(parts.breaker.metrics.failed.calls).toBe(3);
      expect(parts.timeout.metrics.failed).toBe(3);
      expect(parts.bulkhead.metrics.running).toBe(0);
    }
  });

  it('let the breaker see timeouts, each attempt having its own', async () => {
    const { clock, breaker, retry, timeout } = setup();
    const result = composePolicies(retry, breaker, timeout)
      .run(never)
      .catch((error: unknown) => error);
    await clock.advance(5_000);
    expect(await result).toBeInstanceOf(TimeoutError);
    expect(breaker.metrics.failed.calls).toBe(3);
  });

  it('hold the bulkhead place of a timed out call until it really ends', async () => {
    const { clock, timeout, bulkhead } = setup();
    const guard = composePolicies(timeout, bulkhead);
    let end!: () => void;
    const slow = guard.run(() => new Promise<void>((resolve) => (end = resolve)));
    slow.catch(() => {});
    await clock.advance(1_010);
    await expect(slow).rejects.toThrow(TimeoutError);
    await expect(guard.run(() => 1)).rejects.toThrow(BulkheadFullError);
    end();
    await clock.advance(0);
    await expect(guard.run(() => 1)).resolves.toBe(1);
  });

  it('let the time in the queue count', async () => {
    const clock = new VirtualClock();
    const narrow = bulkhead({ maxConcurrent: 1, maxQueue: 1, maxWait: '1m' }, { clock });
    const guard = composePolicies(timeout('1s', { clock }), narrow);
    const first = guard.run(() => clock.sleep(900));
    let called = false;
    const second = guard.run(() => {
      called = true;
      return clock.sleep(900);
    });
    second.catch(() => {});
    await clock.advance(1_010);
    await first;
    await expect(second).rejects.toThrow(TimeoutError);
    expect(called).toBe(true);
    await clock.advance(1_000);
    expect(narrow.metrics.running).toBe(0);
  });

  it('leave the queue on a timeout', async () => {
    const clock = new VirtualClock();
    const narrow = bulkhead({ maxConcurrent: 1, maxQueue: 1, maxWait: '1m' }, { clock });
    const guard = composePolicies(timeout('1s', { clock }), narrow);
    void narrow.run(() => clock.sleep(5_000));
    const waiting = guard.run(() => 1);
    waiting.catch(() => {});
    await clock.advance(1_010);
    await expect(waiting).rejects.toThrow(TimeoutError);
    expect(narrow.metrics.queued).toBe(0);
    await clock.advance(5_000);
    expect(narrow.metrics.running).toBe(0);
  });

  it('retry an open circuit only if it opens in time', async () => {
    const { clock, breaker, fallback } = setup();
    const short = retry(
      { attempts: 2, backoff: { initial: '1s', max: '5s', jitter: 0 } },
      { clock },
    );
    breaker.force('open');
    const guard = composePolicies(short, breaker, fallback);
    expect(await guard.run(() => 'fresh')).toBe('fallback');
    await expect(composePolicies(short, breaker).run(() => 1)).rejects.toThrow(CircuitOpenError);
  });

  it('keep the async context of the caller over timers and other callers', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { clock } = setup();
    const guard = composePolicies(
      retry({ attempts: 2, backoff: { initial: 10, jitter: 0 } }, { clock }),
      timeout('1s', { clock }),
      fallback(() => `fallback of ${storage.getStore()}`, {}, { clock }),
    );
    const seen: (string | undefined)[] = [];
    const start = (name: string): Promise<unknown> =>
      storage.run(name, () =>
        guard.run(() => {
          seen.push(storage.getStore());
          return never();
        }),
      );
    const results = [start('a'), start('b')];
    await clock.advance(3_000);
    expect(await Promise.all(results)).toEqual(['fallback of a', 'fallback of b']);
    expect(seen).toEqual(['a', 'b', 'a', 'b']);
  });

  it('tell a call its attempt and its signal', async () => {
    const { clock, retry, timeout } = setup();
    const attempts: number[] = [];
    const signals: AbortSignal[] = [];
    const result = composePolicies(retry, timeout).run((call) => {
      expect(activeCall()).toBe(call);
      attempts.push(call.attempt);
      signals.push(call.signal);
      return call.attempt < 3 ? never() : 'ok';
    });
    expect(activeCall()).toBeUndefined();
    await clock.advance(5_000);
    expect(await result).toBe('ok');
    expect(attempts).toEqual([1, 2, 3]);
    expect(new Set(signals).size).toBe(3);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
  });

  it('abort what they call when an outer call is given up, also outside of any request', async () => {
    const { clock } = setup();
    const outer = composePolicies(timeout('1s', { clock }));
    const inner = composePolicies(timeout('10s', { clock }));
    let signal: AbortSignal | undefined;
    const result = outer.run(() =>
      inner.run((call) => {
        signal = call.signal;
        return never();
      }),
    );
    const caught = result.catch((error: unknown) => error);
    await clock.advance(1_020);
    expect(await caught).toBeInstanceOf(TimeoutError);
    expect(signal?.aborted).toBe(true);
  });

  it('pass everything through when there are none', async () => {
    await expect(composePolicies().run(() => 1)).resolves.toBe(1);
  });

  it('refuse two of one kind', () => {
    expect(() => composePolicies(timeout('1s'), timeout('2s'))).toThrow(InvalidOptionError);
  });

  it('call a fallback with the arguments of the call', async () => {
    const guard = composePolicies(fallback((error, args) => [...args, (error as Error).message]));
    const fail = (): Promise<never> => Promise.reject(new Error('down'));
    expect(await guard.run(fail, ['sku', 2])).toEqual(['sku', 2, 'down']);
  });
});

describe('a synchronous call', () => {
  it('returns and throws synchronously', () => {
    const { breaker, bulkhead } = setup();
    const guard = composePolicies(breaker, bulkhead);
    expect(guard.runSync(() => 5)).toBe(5);
    expect(() =>
      guard.runSync(() => {
        throw new RangeError('no');
      }),
    ).toThrow(RangeError);
    expect(breaker.metrics).toMatchObject({ bufferedCalls: 2, bufferedFailures: 1 });
    expect(bulkhead.metrics.running).toBe(0);
  });

  it('repeats at once', () => {
    const { retry } = setup();
    let calls = 0;
    const result = composePolicies(retry).runSync(() => {
      if (++calls < 3) throw new Error('again');
      return calls;
    });
    expect(result).toBe(3);
  });

  it('waits between attempts when it turns out to return a promise', async () => {
    const { clock, retry } = setup();
    const times: number[] = [];
    const result = composePolicies(retry).runSync(() => {
      times.push(clock.monotonic());
      return times.length < 3 ? Promise.reject(new Error('again')) : Promise.resolve('ok');
    });
    await clock.advance(1_000);
    expect(await result).toBe('ok');
    expect(times).toEqual([0, 100, 250]);
  });

  it('finds an open circuit and a full bulkhead', async () => {
    const { breaker, clock } = setup();
    const narrow = bulkhead({ maxConcurrent: 1, maxQueue: 10 }, { clock });
    const running = narrow.run(() => clock.sleep(10));
    expect(() => composePolicies(narrow).runSync(() => 1)).toThrow(BulkheadFullError);
    breaker.force('open');
    expect(() => composePolicies(breaker).runSync(() => 1)).toThrow(CircuitOpenError);
    await clock.advance(20);
    await running;
  });
});
