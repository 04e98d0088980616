import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../testing/virtual-clock.js';
import { Lifecycle } from './lifecycle.js';

describe('Lifecycle', () => {
  it('starts and stops in the order of phases, whatever the order of registration', async () => {
    const lifecycle = new Lifecycle(new VirtualClock());
    const seen: string[] = [];
    lifecycle.onStart('registration', 'registry', () => void seen.push('register'));
    lifecycle.onStart('consumers', 'kafka', async () => void seen.push('consume'));
    lifecycle.onStop('pools', 'database', () => void seen.push('close pool'));
    lifecycle.onStop('readiness', 'health', () => void seen.push('unready'));
    lifecycle.onStop('consumers', 'kafka', async () => void seen.push('drain'));
    await lifecycle.start();
    expect(lifecycle.started).toBe(true);
    await lifecycle.stop();
    expect(seen).toEqual(['consume', 'register', 'unready', 'drain', 'close pool']);
  });

  it('goes on past a hook that fails, and reports it', async () => {
    const lifecycle = new Lifecycle(new VirtualClock());
    const failures: string[] = [];
    let closed = false;
    lifecycle.onStop('consumers', 'kafka', () => {
      throw new Error('no broker');
    });
    lifecycle.onStop('pools', 'database', () => void (closed = true));
    await lifecycle.stop(1_000, {
      onStopFailure: (phase, name, error) =>
        failures.push(`${phase} ${name} ${(error as Error).message}`),
    });
    expect(failures).toEqual(['consumers kafka no broker']);
    expect(closed).toBe(true);
  });

  it('leaves a stuck hook behind at the deadline and still closes the rest', async () => {
    const clock = new VirtualClock();
    const lifecycle = new Lifecycle(clock);
    const failures: string[] = [];
    let aborted = false;
    let closed = false;
    lifecycle.onStop('consumers', 'stuck', (signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise(() => {});
    });
    lifecycle.onStop('pools', 'database', () => void (closed = true));
    const stopping = lifecycle.stop(5_000, {
      onStopFailure: (_phase, name) => failures.push(name),
    });
    await clock.advance(4_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    await stopping;
    expect({ aborted, closed, failures }).toEqual({
      aborted: true,
      closed: true,
      failures: ['stuck'],
    });
    expect(clock.pending).toBe(0);
  });

  it('stops once however often it is asked, and begins nothing after that', async () => {
    const lifecycle = new Lifecycle(new VirtualClock());
    let stops = 0;
    let starts = 0;
    lifecycle.onStart('consumers', 'kafka', () => void starts++);
    lifecycle.onStop('pools', 'database', () => void stops++);
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.start();
    expect({ starts, stops, started: lifecycle.started }).toEqual({
      starts: 0,
      stops: 1,
      started: false,
    });
  });
});
