import { describe, expect, it } from 'vitest';
import { AbortedError } from '../errors/aborted.error.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { systemClock } from './clock.js';

describe('sleep', () => {
  it('resolves once its time has passed and not before', async () => {
    const clock = new VirtualClock();
    let done = false;
    const sleeping = clock.sleep(100).then(() => (done = true));
    await clock.advance(99);
    expect(done).toBe(false);
    await clock.advance(1);
    await sleeping;
    expect(done).toBe(true);
  });

  it('rejects at once when aborted and releases its timer and listener', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(1_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toBeInstanceOf(AbortedError);
    expect(clock.pending).toBe(0);
  });

  it('does not begin under a signal that has aborted already', async () => {
    const clock = new VirtualClock();
    await expect(clock.sleep(1, AbortSignal.abort())).rejects.toBeInstanceOf(AbortedError);
    expect(clock.pending).toBe(0);
  });
});

describe('VirtualClock', () => {
  it('fires timers in order of due time, then of setting, including those set while it moves', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push('late'));
    clock.after(10, () => {
      fired.push('first');
      clock.after(5, () => fired.push('nested'));
    });
    clock.after(10, () => fired.push('second'));
    await clock.advance(30);
    expect(fired).toEqual(['first', 'second', 'nested', 'late']);
    expect(clock.monotonic()).toBe(30);
  });

  it('forgets a cancelled timer', async () => {
    const clock = new VirtualClock();
    let fired = false;
    clock.after(10, () => (fired = true))();
    await clock.advance(10);
    expect(fired).toBe(false);
  });
});

describe('systemClock', () => {
  it('tells a cancelled timer from one that fires', async () => {
    const fired: string[] = [];
    systemClock.after(0, () => fired.push('cancelled'))();
    await systemClock.sleep(1);
    expect(fired).toEqual([]);
    expect(systemClock.now()).toBeGreaterThan(Date.UTC(2026, 0, 1));
  });
});
