import { settle, VirtualClock } from '@rookery/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DueTimer } from './due-timer.js';

let clock: VirtualClock;
let timer: DueTimer;
/** When something falls due, by the clock's start. */
let dues: number[];
let ran: number[];
let looks: number;
let broken: boolean;
let failures: unknown[];

beforeEach(() => {
  clock = new VirtualClock(0);
  dues = [];
  ran = [];
  looks = 0;
  broken = false;
  failures = [];
  timer = new DueTimer({
    engine: {
      async runDue() {
        looks++;
        if (broken) throw new Error('database is down');
        const index = dues.findIndex((due) => due <= clock.now());
        if (index < 0) return false;
        dues.splice(index, 1);
        ran.push(clock.now());
        return true;
      },
      nextDue: async () => dues.toSorted((a, b) => a - b)[0],
    },
    clock,
    pollIntervalMs: 1_000,
    onFailure: (error) => failures.push(error),
  });
});

afterEach(async () => {
  await timer.stop();
});

describe('the due timer', () => {
  it('works off all that is due, and what falls due on time', async () => {
    dues = [0, 0, 300, 5_000];
    timer.start();
    await clock.advance(10_000);
    expect(ran).toEqual([0, 0, 300, 5_000]);
  });

  it('wakes at once when told of something earlier than it waits for', async () => {
    timer.start();
    await clock.advance(100);
    dues.push(150);
    timer.wakeAt(150);
    await clock.advance(60);
    expect(ran).toEqual([150]);
    dues.push(clock.now());
    timer.wakeAt(clock.now());
    await clock.advance(0);
    await settle();
    expect(ran).toEqual([150, 160]);
  });

  it('finds what another instance left behind at the next look', async () => {
    timer.start();
    await clock.advance(100);
    dues.push(200);
    await clock.advance(900);
    expect(ran).toEqual([1_000]);
  });

  it('leaves no timer behind when it is stopped', async () => {
    dues = [5_000];
    timer.start();
    await clock.advance(100);
    expect(clock.pending).toBe(1);
    await timer.stop();
    expect(clock.pending).toBe(0);
  });

  it('looks no more often than it must', async () => {
    timer.start();
    await clock.advance(10_000);
    expect(looks).toBeLessThanOrEqual(11);
  });

  it('keeps trying while the store fails, tells once, and ever less often', async () => {
    broken = true;
    timer.start();
    await clock.advance(60_000);
    expect(failures).toHaveLength(1);
    expect(looks).toBeLessThan(12);
    broken = false;
    dues = [0];
    await clock.advance(10_000);
    expect(ran).toHaveLength(1);
  });
});
