import { TimeoutError } from '@rookery/core';
import { settle, VirtualClock } from '@rookery/core/testing';
import {
  concat,
  lastValueFrom,
  NEVER,
  of,
  Subject,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bulkhead } from '../bulkhead/bulkhead.js';
import { circuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import { CircuitOpenError } from '../circuit-breaker/circuit-open.error.js';
import { fallback } from '../fallback/fallback.js';
import { retry } from '../retry/retry.js';
import { timeout } from '../timeout/timeout.js';
import { composePolicies } from './pipeline.js';

const clock = new VirtualClock();
const all = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));

describe('a guarded observable', () => {
  it('opens the source per subscription', async () => {
    const breaker = circuitBreaker({}, { clock });
    let opened = 0;
    const guarded = composePolicies(breaker).observable(() => of(++opened, opened));
    expect(opened).toBe(0);
    expect(await all(guarded)).toEqual([1, 1]);
    expect(await all(guarded)).toEqual([2, 2]);
    expect(breaker.metrics.successful.calls).toBe(2);
  });

  it('counts an error as a failure and passes it on', async () => {
    const breaker = circuitBreaker({}, { clock });
    const error = new Error('down');
    await expect(
      all(composePolicies(breaker).observable(() => throwError(() => error))),
    ).rejects.toBe(error);
    expect(breaker.metrics.failed.calls).toBe(1);
    breaker.force('open');
    await expect(all(composePolicies(breaker).observable(() => of(1)))).rejects.toThrow(
      CircuitOpenError,
    );
  });

  it('is repeated only before its first value', async () => {
    const policy = retry({ attempts: 3, backoff: { initial: 10, jitter: 0 } }, { clock });
    let opened = 0;
    const early = all(
      composePolicies(policy).observable(() =>
        ++opened < 3 ? throwError(() => new Error('early')) : of('ok'),
      ),
    );
    await clock.advance(100);
    expect(await early).toEqual(['ok']);
    opened = 0;
    const late = all(
      composePolicies(policy).observable(() => {
        opened++;
        return concat(
          of(1),
          throwError(() => new Error('late')),
        );
      }),
    );
    await expect(late).rejects.toThrow('late');
    expect(opened).toBe(1);
  });

  it('falls back to an observable, a promise, an iterable or a value', async () => {
    const failing = () => throwError(() => new Error('down'));
    for (const [answer, expected] of [
      [of(1, 2), [1, 2]],
      [Promise.resolve(3), [3]],
      [
        (async function* () {
          yield 4;
          yield 5;
        })(),
        [4, 5],
      ],
      [[6, 7], [[6, 7]]],
      ['text', ['text']],
    ] as const) {
      const guarded = composePolicies(fallback(() => answer)).observable(failing);
      expect(await all(guarded as Observable<unknown>)).toEqual(expected);
    }
  });

  it('is limited to its first and between further values', async () => {
    const guard = composePolicies(timeout('1s', { clock }));
    const source = new Subject<number>();
    const seen: unknown[] = [];
    guard
      .observable(() => source)
      .subscribe({
        next: (value) => seen.push(value),
        error: (error: unknown) => seen.push(error),
      });
    for (let i = 0; i < 5; i++) {
      await clock.advance(900);
      source.next(i);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    await clock.advance(1_020);
    expect(seen[5]).toBeInstanceOf(TimeoutError);
    expect(source.observed).toBe(false);
  });

  it('holds its place until it completes, fails, times out or is left', async () => {
    const narrow = bulkhead({ maxConcurrent: 1 }, { clock });
    const guard = composePolicies(narrow, timeout('1s', { clock }));
    const source = new Subject<number>();
    const left = guard.observable(() => source).subscribe();
    expect(narrow.metrics.running).toBe(1);
    left.unsubscribe();
    await settle();
    expect(source.observed).toBe(false);
    expect(narrow.metrics.running).toBe(0);
    const hanging = all(guard.observable(() => NEVER)).catch((error: unknown) => error);
    await clock.advance(1_020);
    expect(await hanging).toBeInstanceOf(TimeoutError);
    expect(narrow.metrics.running).toBe(0);
    await all(guard.observable(() => of(1)));
    await settle();
    expect(narrow.metrics.running).toBe(0);
  });

  it('counts one that is left after a value, and not one left before', async () => {
    const breaker = circuitBreaker({}, { clock });
    const source = new Subject<number>();
    const guarded = composePolicies(breaker).observable(() => source);
    guarded.subscribe().unsubscribe();
    expect(breaker.metrics.successful.calls).toBe(0);
    const subscription = guarded.subscribe();
    source.next(1);
    subscription.unsubscribe();
    expect(breaker.metrics.successful.calls).toBe(1);
  });

  it('is not opened again after it was left during a pause', async () => {
    const policy = retry({ backoff: { initial: 100, jitter: 0 } }, { clock });
    let opened = 0;
    const subscription = composePolicies(policy)
      .observable(() => {
        opened++;
        return throwError(() => new Error('down'));
      })
      .subscribe({ error: () => {} });
    await settle();
    subscription.unsubscribe();
    await clock.advance(1_000);
    expect(opened).toBe(1);
  });
});
