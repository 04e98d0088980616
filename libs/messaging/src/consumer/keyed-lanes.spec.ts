import { settle, VirtualClock } from '@rookery/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { KeyedLanes, type LaneTask } from './keyed-lanes.js';
import { Slots } from './slots.js';

let clock: VirtualClock;
let log: string[];
let plenty: Slots;

beforeEach(() => {
  clock = new VirtualClock();
  log = [];
  plenty = new Slots(10);
});

/** A task that tells when it begins and ends, and runs again after each of the given pauses. */
function task(name: string, ms = 10, pauses: number[] = [], slots = plenty): LaneTask {
  return {
    slots,
    run: async () => {
      log.push(`${name}+`);
      await clock.sleep(ms);
      log.push(`${name}-`);
      return pauses.shift();
    },
  };
}

describe('KeyedLanes', () => {
  it('runs tasks of a key in order and those of others beside them', async () => {
    const lanes = new KeyedLanes(clock);
    lanes.push('a', [task('a1')]);
    lanes.push('a', [task('a2')]);
    lanes.push('b', [task('b1', 15)]);
    await clock.advance(100);
    expect(log).toEqual(['a1+', 'b1+', 'a1-', 'a2+', 'b1-', 'a2-']);
  });

  it('keeps a task that tries again in its place, and lets other keys pass', async () => {
    const lanes = new KeyedLanes(clock);
    const one = new Slots(1);
    lanes.push('a', [task('a1', 10, [1_000], one)]);
    lanes.push('a', [task('a2', 10, [], one)]);
    lanes.push('b', [task('b1', 10, [], one)]);
    await clock.advance(500);
    expect(log).toEqual(['a1+', 'a1-', 'b1+', 'b1-']);
    await clock.advance(1_000);
    expect(log.slice(4)).toEqual(['a1+', 'a1-', 'a2+', 'a2-']);
    expect(clock.pending).toBe(0);
  });

  it('runs the tasks of one step side by side, and the next step after all of them', async () => {
    const lanes = new KeyedLanes(clock);
    lanes.push('a', [task('a1', 10), task('A1', 10, [100])]);
    lanes.push('a', [task('a2')]);
    await clock.advance(50);
    expect(log).toEqual(['a1+', 'A1+', 'a1-', 'A1-']);
    await clock.advance(1_000);
    expect(log.slice(4)).toEqual(['A1+', 'A1-', 'a2+', 'a2-']);
  });

  it('runs no more tasks at once than it has slots, its own or shared', async () => {
    const shared = new Slots(3);
    const [few, more] = [new Slots(2, shared), new Slots(5, shared)];
    const [first, second] = [new KeyedLanes(clock), new KeyedLanes(clock)];
    let running = 0;
    let most = 0;
    const done: string[] = [];
    const counted = (name: string, slots: Slots): LaneTask => ({
      slots,
      run: async () => {
        most = Math.max(most, ++running);
        expect(first.running).toBeLessThanOrEqual(2);
        await clock.sleep(10);
        running -= 1;
        done.push(name);
        return undefined;
      },
    });
    for (let i = 0; i < 20; i += 1) {
      first.push(`k${i}`, [counted(`f${i}`, few)]);
      second.push(`k${i}`, [counted(`s${i}`, more)]);
    }
    await clock.advance(1_000);
    expect(most).toBe(3);
    expect(done).toHaveLength(40);
    expect(shared.used).toBe(0);
  });

  it('stops when what runs has ended, and begins nothing more', async () => {
    const slots = new Slots(2);
    const lanes = new KeyedLanes(clock);
    lanes.push('a', [task('a1', 100, [50], slots)]);
    lanes.push('a', [task('a2', 10, [], slots)]);
    lanes.push('b', [task('b1', 10, [5_000], slots)]);
    await clock.advance(20);
    let stopped = false;
    void lanes.stop().then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    await clock.advance(10_000);
    expect(stopped).toBe(true);
    lanes.push('c', [task('c1', 10, [], slots)]);
    await clock.advance(100);
    expect(log).toEqual(['a1+', 'b1+', 'b1-', 'a1-']);
    expect(clock.pending).toBe(0);
    expect(slots.used).toBe(0);
  });
});
