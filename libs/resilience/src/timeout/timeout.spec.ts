import {
  currentContext,
  Deadline,
  runInContext,
  runWithContext,
  TimeoutError,
} from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './timeout.js';

function setup(ms: number) {
  const clock = new VirtualClock();
  return { clock, policy: timeout(ms, { name: 'quote', clock }) };
}

const never = (): Promise<never> => new Promise(() => {});

describe('timeout', () => {
  it('hands a result through and leaves no timer', async () => {
    const { clock, policy } = setup(100);
    const result = policy.run(() => clock.sleep(50).then(() => 'ok'));
    await clock.advance(50);
    await expect(result).resolves.toBe('ok');
    await clock.advance(100);
    expect(clock.pending).toBe(0);
    expect(policy.metrics).toEqual({ successful: 1, failed: 0, timedOut: 0 });
  });

  it('gives up in time', async () => {
    const { clock, policy } = setup(100);
    const result = policy.run(never).catch((error: unknown) => error);
    await clock.advance(110);
    expect(await result).toMatchObject({
      code: 'RKY_CORE_TIMEOUT',
      status: 504,
      operation: 'quote',
      timeoutMs: 100,
    });
    expect(policy.metrics).toEqual({ successful: 0, failed: 0, timedOut: 1 });
  });

  it('tells the call through its signal, with the reason', async () => {
    const { clock, policy } = setup(100);
    let signal: AbortSignal | undefined;
    const result = policy.run((call) => {
      signal = call.signal;
      return never();
    });
    result.catch(() => {});
    expect(signal?.aborted).toBe(false);
    await clock.advance(110);
    await expect(result).rejects.toThrow(TimeoutError);
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBeInstanceOf(TimeoutError);
  });

  it('drops a result that comes too late, also a failure', async () => {
    const { clock, policy } = setup(100);
    const result = policy.run(() => clock.sleep(500).then(() => Promise.reject(new Error('late'))));
    const caught = result.catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(await caught).toBeInstanceOf(TimeoutError);
  });

  it('takes the deadline of the request when that is nearer', async () => {
    const { clock, policy } = setup(1_000);
    const context = { app: 'a', correlationId: 'c', deadline: Deadline.in(200, clock) };
    const result = runInContext(context, () => policy.run(never)).catch((error: unknown) => error);
    await clock.advance(210);
    expect(await result).toMatchObject({ timeoutMs: 200 });
  });

  it('does not begin when the deadline has passed', async () => {
    const { clock, policy } = setup(1_000);
    const context = { app: 'a', correlationId: 'c', deadline: Deadline.in(200, clock) };
    await clock.advance(300);
    let called = false;
    const result = runInContext(context, () => policy.run(() => (called = true)));
    await expect(result).rejects.toThrow(TimeoutError);
    expect(called).toBe(false);
  });

  it('is deadline and signal of the context within', async () => {
    const { clock, policy } = setup(100);
    const outer = new AbortController();
    const context = { app: 'a', correlationId: 'c', signal: outer.signal };
    const seen: (number | AbortSignal | undefined)[] = [];
    const result = runInContext(context, () =>
      policy.run(async () => {
        await clock.sleep(40);
        const inner = currentContext();
        seen.push(inner?.deadline?.remainingMs, inner?.signal);
        runWithContext({ correlationId: 'd' }, () => {
          const derived = currentContext();
          seen.push(derived?.deadline?.remainingMs);
          expect(derived?.signal).toBe(inner?.signal);
          expect(derived).toMatchObject({ app: 'a', correlationId: 'd' });
        });
        return never();
      }),
    );
    result.catch(() => {});
    await clock.advance(45);
    expect(seen[0]).toBe(60);
    expect(seen[2]).toBe(60);
    const signal = seen[1] as AbortSignal;
    expect(signal.aborted).toBe(false);
    outer.abort('client left');
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe('client left');
    await clock.advance(100);
    await expect(result).rejects.toThrow(TimeoutError);
  });

  it('waits as long as it takes when switched off, live', async () => {
    const { clock, policy } = setup(100);
    policy.update({ enabled: false });
    const result = policy.run(() => clock.sleep(10_000).then(() => 'ok'));
    await clock.advance(10_000);
    await expect(result).resolves.toBe('ok');
  });

  it('refuses a limit of nothing', () => {
    expect(() => timeout(0)).toThrow('duration');
    expect(() => timeout('5 sec' as never)).toThrow("'5 sec' is not a duration");
  });
});
