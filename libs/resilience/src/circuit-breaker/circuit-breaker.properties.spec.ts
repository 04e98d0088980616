import { AbortedError } from '@rookery/core';
import { seededRandom, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { circuitBreaker, type CircuitBreaker } from './circuit-breaker.js';

/** A call whose end the test decides. */
function pending(breaker: CircuitBreaker) {
  let resolve!: (value: string) => void;
  let reject!: (error: Error) => void;
  const result = breaker.run(
    () =>
      new Promise<string>((ok, bad) => {
        resolve = ok;
        reject = bad;
      }),
  );
  result.catch(() => {});
  return { result, resolve, reject };
}

describe('properties of the state machine', () => {
  it('never admits more probes than permitted, and always recovers', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seededRandom(seed);
      const clock = new VirtualClock();
      const permitted = 1 + Math.floor(random() * 4);
      const breaker = circuitBreaker(
        {
          window: { type: 'count', size: 1 + Math.floor(random() * 6) },
          halfOpenCalls: permitted,
          openDuration: 1_000,
        },
        { clock },
      );
      const running = new Map<object, 'half_open' | 'other'>();
      const calls: ReturnType<typeof pending>[] = [];
      for (let step = 0; step < 120; step++) {
        const choice = random();
        if (choice < 0.5) {
          const before = breaker.metrics.notPermitted;
          const call = pending(breaker);
          if (breaker.metrics.notPermitted > before) continue;
          calls.push(call);
          running.set(call, breaker.state === 'half_open' ? 'half_open' : 'other');
          call.result.then(
            () => running.delete(call),
            () => running.delete(call),
          );
        } else if (choice < 0.9 && calls.length > 0) {
          const [call] = calls.splice(Math.floor(random() * calls.length), 1);
          const outcome = random();
          if (outcome < 0.5) call!.resolve('ok');
          else call!.reject(outcome < 0.8 ? new Error('down') : new AbortedError('gone'));
          const leftHalfOpen = breaker.state === 'half_open';
          await call!.result.catch(() => {});
          // Probes of a decided half-open state still run, but count no more.
          if (leftHalfOpen && breaker.state !== 'half_open') {
            for (const key of running.keys()) running.set(key, 'other');
          }
        } else {
          await clock.advance(random() * 1_500);
        }
        const probes = [...running.values()].filter((state) => state === 'half_open').length;
        expect(probes, `seed ${seed} step ${step}`).toBeLessThanOrEqual(permitted);
      }
      for (const call of calls) call.resolve('ok');
      await Promise.all(calls.map(({ result }) => result.catch(() => {})));
      for (let i = 0; i < 50 && breaker.state !== 'closed'; i++) {
        await clock.advance(1_000);
        await breaker.run(async () => 'ok').catch(() => {});
      }
      expect(breaker.state, `seed ${seed} recovers`).toBe('closed');
    }
  });
});
