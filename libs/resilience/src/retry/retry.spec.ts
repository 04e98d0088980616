import {
  AbortedError,
  Deadline,
  InvalidOptionError,
  runInContext,
  TimeoutError,
} from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CircuitOpenError } from '../circuit-breaker/circuit-open.error.js';
import { retryChannel } from '../resilience.channels.js';
import { retry } from './retry.js';
import type { RetryOptions } from './retry.options.js';

function setup(options: RetryOptions = {}) {
  const clock = new VirtualClock();
  const policy = retry(
    { backoff: { initial: '100ms', multiplier: 2, jitter: 0 }, ...options },
    { name: 'stock', clock },
  );
  const times: number[] = [];
  /** Fails so many times with these errors, in turn, then succeeds. */
  const failing = (...errors: unknown[]) => {
    let at = 0;
    return policy.run(async () => {
      times.push(clock.monotonic());
      if (at < errors.length) throw errors[at++] as Error;
      return 'ok';
    });
  };
  return { clock, policy, times, failing };
}

/** Rejections are looked at only after time has moved. */
function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

describe('retry', () => {
  it('repeats until the call succeeds, with growing pauses', async () => {
    const { clock, policy, times, failing } = setup();
    const result = failing(new Error('1'), new Error('2'));
    await clock.advance(1_000);
    await expect(result).resolves.toBe('ok');
    expect(times).toEqual([0, 100, 300]);
    expect(policy.metrics).toEqual({
      successfulWithoutRetry: 0,
      successfulWithRetry: 1,
      failedWithoutRetry: 0,
      failedWithRetry: 0,
    });
  });

  it('rejects with the last error when attempts run out', async () => {
    const { clock, policy, times, failing } = setup();
    const last = new Error('3');
    const result = outcome(failing(new Error('1'), new Error('2'), last, new Error('4')));
    await clock.advance(10_000);
    expect(await result).toBe(last);
    expect(times).toHaveLength(3);
    expect(policy.metrics.failedWithRetry).toBe(1);
  });

  it('repeats a call that throws synchronously', async () => {
    const { clock, policy } = setup();
    let calls = 0;
    const result = policy.run(({ attempt }) => {
      calls++;
      if (attempt < 3) throw new Error('sync');
      return attempt;
    });
    await clock.advance(1_000);
    expect(await result).toBe(3);
    expect(calls).toBe(3);
  });

  it.each([
    ['a refusal of ours that will not pass', new InvalidOptionError('x', ['y'])],
    ['an abort', new AbortedError('call')],
    ['a client error', Object.assign(new Error(), { status: 404 })],
    ['a mistake in the code', new TypeError('x is not a function')],
  ])('does not repeat %s', async (_, error) => {
    const { policy, times, failing } = setup();
    expect(await outcome(failing(error))).toBe(error);
    expect(times).toHaveLength(1);
    expect(policy.metrics.failedWithoutRetry).toBe(1);
  });

  it.each([
    ['a timeout', new TimeoutError('x', 1)],
    ['a server error', Object.assign(new Error(), { status: 502 })],
    ['too many requests', Object.assign(new Error(), { status: 429 })],
    ['a dead peer as fetch reports it', new TypeError('fetch failed', { cause: new Error('x') })],
    ['an error of unknown kind', new Error('?')],
  ])('repeats %s', async (_, error) => {
    const { clock, failing } = setup();
    const result = failing(error);
    await clock.advance(100);
    await expect(result).resolves.toBe('ok');
  });

  it('repeats what its options say', async () => {
    class Wanted extends Error {}
    class Unwanted extends Wanted {}
    const { clock, failing } = setup({ on: [Wanted], except: [Unwanted] });
    const unwanted = new Unwanted();
    const other = new Error('other');
    expect(await outcome(failing(unwanted))).toBe(unwanted);
    expect(await outcome(failing(other))).toBe(other);
    const wanted = failing(new Wanted());
    await clock.advance(100);
    await expect(wanted).resolves.toBe('ok');
  });

  it('waits as long as the callee asks, and gives up when that is too long', async () => {
    const { clock, times, failing } = setup({ backoff: { initial: 100, max: '5s', jitter: 0 } });
    const soon = failing(new CircuitOpenError('b', 2_000));
    await clock.advance(2_000);
    await expect(soon).resolves.toBe('ok');
    expect(times).toEqual([0, 2_000]);
    const late = new CircuitOpenError('b', 60_000);
    expect(await outcome(failing(late))).toBe(late);
  });

  it('does not pause beyond the deadline of the request', async () => {
    const { clock, times, failing } = setup();
    const error = new Error('down');
    const context = { app: 'a', correlationId: 'c', deadline: Deadline.in(250, clock) };
    const result = runInContext(context, () => outcome(failing(error, error, error)));
    await clock.advance(1_000);
    expect(await result).toBe(error);
    expect(times).toEqual([0, 100]);
  });

  it('stops pausing when the caller gives up', async () => {
    const { clock, policy, times, failing } = setup();
    const abort = new AbortController();
    const context = { app: 'a', correlationId: 'c', signal: abort.signal };
    const error = new Error('down');
    const result = runInContext(context, () => outcome(failing(error, error)));
    await clock.advance(50);
    abort.abort();
    expect(await result).toMatchObject({ code: 'RKY_CORE_ABORTED', cause: error });
    expect(times).toHaveLength(1);
    expect(clock.pending).toBe(0);
    expect(policy.metrics.failedWithoutRetry).toBe(1);
  });

  it('makes one attempt when switched off, live', async () => {
    const { policy, failing } = setup();
    policy.update({ enabled: false });
    const error = new Error('down');
    expect(await outcome(failing(error))).toBe(error);
  });

  it('tells what it does', async () => {
    const { clock, failing } = setup({ attempts: 2 });
    const seen: string[] = [];
    onTestFinished(
      retryChannel.subscribe(({ kind, attempt, delayMs }) =>
        seen.push(`${kind} ${attempt} ${delayMs}`),
      ),
    );
    const result = outcome(failing(new Error('1'), new Error('2')));
    await clock.advance(1_000);
    await result;
    expect(seen).toEqual(['retrying 1 100', 'exhausted 2 0']);
  });

  it.each([
    [{ attempts: 0 }, 'attempts: 0 is not allowed'],
    [{ backoff: { initial: '1 s' } }, 'backoff.initial'],
    [{ backof: {} }, 'backof: unknown option'],
  ])('refuses %j', (options, message) => {
    expect(() => retry(options as RetryOptions)).toThrow(message);
  });
});
