import { InvalidOptionError, RookeryError, TimeoutError } from '@rookery/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CircuitOpenError } from '../circuit-breaker/circuit-open.error.js';
import { fallbackChannel } from '../resilience.channels.js';
import { fallback } from './fallback.js';

const rejecting = (error: unknown) => async () => {
  // oxlint-disable-next-line typescript/only-throw-error -- a call may throw anything
  throw error;
};

describe('fallback', () => {
  it('answers instead of a failed call, with a value or a promise', async () => {
    await expect(fallback(() => 'cached').run(rejecting(new Error()))).resolves.toBe('cached');
    await expect(fallback(async () => 'cached').run(rejecting('?'))).resolves.toBe('cached');
    await expect(fallback(() => 'cached').run(() => 'fresh')).resolves.toBe('fresh');
  });

  it('lets errors pass that it is not for', async () => {
    const policy = fallback(() => 'cached', { on: [TimeoutError] });
    const error = new Error('other');
    await expect(policy.run(rejecting(error))).rejects.toBe(error);
    await expect(policy.run(rejecting(new TimeoutError('x', 1)))).resolves.toBe('cached');
    expect(policy.metrics.answered).toBe(1);
  });

  it('chooses the nearest class, whatever the order of the rules', async () => {
    const rules = [
      { handler: () => 'any' },
      { on: [Error], handler: () => 'error' },
      { on: [CircuitOpenError, TimeoutError], handler: () => 'open or slow' },
      { on: [RookeryError], handler: () => 'ours' },
    ];
    for (const order of [rules, [...rules].reverse()]) {
      const policy = fallback(order);
      await expect(policy.run(rejecting(new CircuitOpenError('b', 1)))).resolves.toBe(
        'open or slow',
      );
      await expect(policy.run(rejecting(new InvalidOptionError('x', [])))).resolves.toBe('ours');
      await expect(policy.run(rejecting(new RangeError()))).resolves.toBe('error');
      await expect(policy.run(rejecting('text'))).resolves.toBe('any');
    }
  });

  it('may fail itself', async () => {
    const worse = new Error('worse');
    const throwing = fallback(() => {
      throw worse;
    });
    await expect(throwing.run(rejecting(new Error()))).rejects.toBe(worse);
    await expect(fallback(rejecting(worse)).run(rejecting(new Error()))).rejects.toBe(worse);
  });

  it('refuses two rules for one class', () => {
    const rule = { on: [TimeoutError], handler: () => 1 };
    expect(() => fallback([rule, rule])).toThrow('two fallbacks are for TimeoutError');
    expect(() => fallback([{ handler: () => 1 }, { handler: () => 2 }])).toThrow(
      'two fallbacks are for every error',
    );
  });

  it('tells that it answered', async () => {
    const seen: unknown[] = [];
    onTestFinished(fallbackChannel.subscribe(({ error }) => seen.push(error)));
    const error = new Error();
    await fallback(() => 1).run(rejecting(error));
    expect(seen).toEqual([error]);
  });
});
