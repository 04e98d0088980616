import { seededRandom, VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { TimerWheel, wheelOf, type WheelEntry } from './timer-wheel.js';

function entry(onExpire: () => void): WheelEntry {
  return { dueAt: 0, previous: undefined, next: undefined, expire: onExpire };
}

/** Time passes for it while the event loop, and so every timer, stands still. */
class BlockedClock extends VirtualClock {
  blockedMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.blockedMs;
  }
}

describe('timer wheel', () => {
  it('fires at most one tick late and never early, whatever the durations', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const clock = new VirtualClock();
      const wheel = new TimerWheel(clock);
      let pending = 0;
      for (let i = 0; i < 100; i++) {
        const ms = random() < 0.1 ? 5_000 + random() * 20_000 : random() * 300;
        const due = clock.monotonic() + ms;
        pending++;
        const added = entry(() => {
          pending--;
          expect(clock.monotonic(), `seed ${seed}`).toBeGreaterThanOrEqual(due);
          expect(clock.monotonic(), `seed ${seed}`).toBeLessThanOrEqual(due + 20);
        });
        wheel.add(added, ms);
        if (random() < 0.3) {
          wheel.remove(added);
          pending--;
        }
        if (random() < 0.4) await clock.advance(random() * 60);
      }
      await clock.advance(30_000);
      expect(pending, `seed ${seed}`).toBe(0);
      expect(wheel.size).toBe(0);
    }
  });

  it('catches up after the event loop was blocked, and fires nothing early then', async () => {
    const clock = new BlockedClock();
    const wheel = new TimerWheel(clock);
    const fired: string[] = [];
    wheel.add(
      entry(() => fired.push('old')),
      7_000,
    );
    await clock.advance(20);
    clock.blockedMs = 10_000;
    wheel.add(
      entry(() => fired.push('new')),
      100,
    );
    await clock.advance(20);
    expect(fired).toEqual(['old']);
    await clock.advance(100);
    expect(fired).toEqual(['old', 'new']);
  });

  it('survives entries that remove others while they expire', async () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    const fired: string[] = [];
    const victim = entry(() => fired.push('victim'));
    const first = entry(() => {
      fired.push('first');
      wheel.remove(victim);
    });
    wheel.add(first, 15);
    wheel.add(victim, 15);
    await clock.advance(100);
    expect(fired).toEqual(['first']);
    expect(wheel.size).toBe(0);
  });

  it('fires a duration of zero', async () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    let fired = false;
    wheel.add(
      entry(() => (fired = true)),
      0,
    );
    await clock.advance(10);
    expect(fired).toBe(true);
  });

  it('ticks only while it is used', async () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    expect(clock.pending).toBe(0);
    wheel.now();
    expect(clock.pending).toBe(1);
    await clock.advance(30);
    expect(clock.pending).toBe(0);
    await clock.advance(5_000);
    expect(wheel.now()).toBe(clock.monotonic());
  });

  it('is shared by all who use one clock', () => {
    const clock = new VirtualClock();
    expect(wheelOf(clock)).toBe(wheelOf(clock));
    expect(wheelOf(clock)).not.toBe(wheelOf(new VirtualClock()));
  });
});
