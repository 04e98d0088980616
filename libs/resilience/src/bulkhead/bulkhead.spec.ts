import { AsyncLocalStorage } from 'node:async_hooks';
import { AbortedError, runInContext } from '@rookery/core';
import { seededRandom, settle, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { BulkheadFullError } from './bulkhead-full.error.js';
import { bulkhead, type Bulkhead } from './bulkhead.js';

function gate(guard: Bulkhead) {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let started = false;
  const result = guard.run(() => {
    started = true;
    return opened;
  });
  result.catch(() => {});
  return { result, open, started: () => started };
}

describe('bulkhead', () => {
  it('runs as many calls as allowed and refuses the rest', async () => {
    const guard = bulkhead({ maxConcurrent: 2 }, { name: 'b' });
    const calls = [gate(guard), gate(guard)];
    await expect(guard.run(() => 1)).rejects.toMatchObject({
      code: 'RKY_RES_BULKHEAD_FULL',
      status: 503,
      bulkhead: 'b',
      maxConcurrent: 2,
    });
    expect(guard.metrics).toMatchObject({ running: 2, available: 0, rejected: 1 });
    calls[0]!.open();
    await calls[0]!.result;
    await expect(guard.run(() => 1)).resolves.toBe(1);
    calls[1]!.open();
    await calls[1]!.result;
    expect(guard.metrics).toMatchObject({ running: 0, available: 2 });
  });

  it('gives the place back when a call throws or rejects', async () => {
    const guard = bulkhead({ maxConcurrent: 1 });
    const boom = new Error('boom');
    for (let i = 0; i < 3; i++) {
      await expect(guard.run(() => Promise.reject(boom))).rejects.toBe(boom);
      const thrown = guard.run(() => {
        throw boom;
      });
      await expect(thrown).rejects.toBe(boom);
    }
    expect(guard.metrics.running).toBe(0);
  });

  it('serves waiting calls in the order they came', async () => {
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 3 }, { clock: new VirtualClock() });
    const calls = [gate(guard), gate(guard), gate(guard), gate(guard)];
    await expect(guard.run(() => 1)).rejects.toThrow(BulkheadFullError);
    expect(guard.metrics.queued).toBe(3);
    for (let i = 0; i < calls.length; i++) {
      expect(calls.map(({ started }) => started())).toEqual(calls.map((_, at) => at <= i));
      calls[i]!.open();
      await calls[i]!.result;
      await settle();
    }
  });

  it('does not let a newcomer overtake who waits', async () => {
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 2 }, { clock: new VirtualClock() });
    const first = gate(guard);
    const waiting = gate(guard);
    guard.update({ maxConcurrent: 1, maxQueue: 2 });
    expect(guard.tryEnter()).toBe(false);
    first.open();
    await first.result;
    expect(waiting.started()).toBe(true);
    waiting.open();
    await waiting.result;
  });

  it('refuses who waited too long', async () => {
    const clock = new VirtualClock();
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 5, maxWait: '200ms' }, { clock });
    const running = gate(guard);
    const waiting = gate(guard);
    await clock.advance(250);
    await expect(waiting.result).rejects.toThrow(BulkheadFullError);
    expect(waiting.started()).toBe(false);
    expect(guard.metrics).toMatchObject({ queued: 0, running: 1 });
    running.open();
    await running.result;
    expect(guard.metrics.running).toBe(0);
  });

  it('lets go of who gives up while waiting', async () => {
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 5 }, { clock: new VirtualClock() });
    const running = gate(guard);
    const abort = new AbortController();
    const context = { app: 'a', correlationId: 'c', signal: abort.signal };
    const waiting = runInContext(context, () => gate(guard));
    abort.abort(new Error('client left'));
    await expect(waiting.result).rejects.toThrow(AbortedError);
    expect(guard.metrics.queued).toBe(0);
    const late = runInContext(context, () => gate(guard));
    await expect(late.result).rejects.toThrow(AbortedError);
    running.open();
    await running.result;
    expect(waiting.started()).toBe(false);
  });

  it('runs a waiting call in its own async context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 5 }, { clock: new VirtualClock() });
    const first = storage.run('first', () => gate(guard));
    const second = storage.run('second', () => guard.run(() => storage.getStore()));
    storage.run('somebody else', () => first.open());
    await expect(second).resolves.toBe('second');
  });

  it('changes its size live', async () => {
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 5 }, { clock: new VirtualClock() });
    const calls = [gate(guard), gate(guard), gate(guard)];
    guard.update({ maxConcurrent: 2, maxQueue: 5 });
    expect(calls.map(({ started }) => started())).toEqual([true, true, false]);
    guard.update({ enabled: false });
    expect(calls[2]!.started()).toBe(true);
    guard.update({ maxConcurrent: 1 });
    await expect(guard.run(() => 1)).rejects.toThrow(BulkheadFullError);
    for (const call of calls) call.open();
    await Promise.all(calls.map(({ result }) => result));
    await expect(guard.run(() => 1)).resolves.toBe(1);
  });

  it('refuses all who wait when closed', async () => {
    const clock = new VirtualClock();
    const guard = bulkhead({ maxConcurrent: 1, maxQueue: 5 }, { clock });
    const running = gate(guard);
    const waiting = [gate(guard), gate(guard)];
    guard.close();
    for (const { result } of waiting) await expect(result).rejects.toThrow(AbortedError);
    running.open();
    await running.result;
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it('keeps its bounds in any sequence of calls, and loses no place', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const clock = new VirtualClock();
      const maxConcurrent = 1 + Math.floor(random() * 4);
      const maxQueue = Math.floor(random() * 4);
      const guard = bulkhead({ maxConcurrent, maxQueue, maxWait: 100 }, { clock });
      let running = 0;
      const ends: (() => void)[] = [];
      const results: Promise<unknown>[] = [];
      for (let step = 0; step < 100; step++) {
        const choice = random();
        if (choice < 0.5) {
          const fails = random() < 0.3;
          const result = guard.run(async () => {
            running++;
            await new Promise<void>((resolve) => ends.push(resolve));
            running--;
            if (fails) throw new Error('down');
          });
          results.push(result.catch(() => {}));
        } else if (choice < 0.9) {
          ends.splice(Math.floor(random() * ends.length), 1)[0]?.();
          await settle();
        } else {
          await clock.advance(random() * 150);
        }
        expect(running, `seed ${seed}`).toBeLessThanOrEqual(maxConcurrent);
        expect(guard.metrics, `seed ${seed}`).toMatchObject({ running });
        expect(guard.metrics.queued).toBeLessThanOrEqual(maxQueue);
      }
      while (running > 0 || guard.metrics.queued > 0) {
        for (const end of ends.splice(0)) end();
        await settle();
      }
      await Promise.all(results);
      expect(guard.metrics, `seed ${seed}`).toMatchObject({ running: 0, queued: 0 });
    }
  });
});
