import { VirtualClock, seededRandom } from '@rookery/core/testing';
import { expect, it } from 'vitest';
import { DelayTimer } from './delay-timer.js';

/** Messages by their due times. */
class Store {
  due: number[] = [];
  looks = 0;
  moved: number[] = [];
  failing = false;
  constructor(private readonly clock: VirtualClock) {}
  async untilNext(): Promise<number | undefined> {
    this.looks += 1;
    if (this.failing) throw new Error('the database is away');
    const next = Math.min(...this.due);
    return Number.isFinite(next) ? Math.max(0, next - this.clock.now()) : undefined;
  }
  async moveDue(): Promise<number> {
    const now = this.clock.now();
    const ready = this.due.filter((at) => at <= now);
    this.due = this.due.filter((at) => at > now);
    this.moved.push(...ready.map((at) => now - at));
    return ready.length;
  }
}

function timer(pollMs = 1_000) {
  const clock = new VirtualClock(0);
  const store = new Store(clock);
  const log: string[] = [];
  const parts = {
    clock,
    random: seededRandom(1),
    log: (_level: string, text: string) => void log.push(text),
  };
  return { clock, store, log, timer: new DelayTimer(store, { pollMs, batchSize: 10 }, parts) };
}

it('sleeps until the next message is due, and looks no oftener than it polls', async () => {
  const { clock, store, timer: t } = timer();
  store.due = [2_500];
  t.start();
  await clock.advance(2_499);
  expect(store.looks).toBe(3);
  expect(store.moved).toEqual([]);
  await clock.advance(1);
  expect(store.moved).toEqual([0]);
  const { looks } = store;
  await clock.advance(10_000);
  expect(store.looks - looks).toBe(10);
  await t.stop();
  expect(clock.pending).toBe(0);
});

it('is woken by a message that is due before the pause ends, and only by such', async () => {
  const { clock, store, timer: t } = timer(60_000);
  t.start();
  await clock.advance(10);
  expect(store.looks).toBe(1);
  store.due = [100_000];
  t.wakeIn(99_990);
  await clock.advance(10);
  expect(store.looks).toBe(1);
  store.due = [45];
  t.wakeIn(25);
  await clock.advance(25);
  expect(store.moved).toEqual([0]);
  await t.stop();
});

it('goes on after a failure and says so once', async () => {
  const { clock, store, log, timer: t } = timer();
  store.due = [500];
  store.failing = true;
  t.start();
  await clock.advance(3_000);
  store.failing = false;
  await clock.advance(10_000);
  expect(store.moved).toHaveLength(1);
  expect(log).toEqual([
    'delayed messages wait (the database is away); trying again',
    'delayed messages go on',
  ]);
  await t.stop();
});
