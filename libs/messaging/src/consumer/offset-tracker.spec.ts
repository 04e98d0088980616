import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { OffsetTracker } from './offset-tracker.js';

function tracking(...offsets: number[]): OffsetTracker {
  const tracker = new OffsetTracker();
  for (const offset of offsets) tracker.begin(offset);
  return tracker;
}

describe('OffsetTracker', () => {
  it('has nothing to commit before the first record is finished', () => {
    const tracker = tracking(5, 6, 7);
    tracker.finish(6);
    expect(tracker.position).toBeUndefined();
    expect(tracker.inFlight).toBe(2);
  });

  it('advances over all that is finished without a gap', () => {
    const tracker = tracking(5, 6, 7, 8);
    tracker.finish(6);
    tracker.finish(5);
    expect(tracker.position).toBe(7);
    tracker.finish(8);
    expect(tracker.position).toBe(7);
    tracker.finish(7);
    expect(tracker.position).toBe(9);
    expect(tracker.inFlight).toBe(0);
  });

  it('takes offsets that the log has lost for no gap', () => {
    const tracker = tracking(2, 10, 11);
    tracker.finish(2);
    expect(tracker.position).toBe(3);
    tracker.finish(10);
    expect(tracker.position).toBe(11);
  });

  it('goes back with the reader', () => {
    const tracker = tracking(0, 1, 2, 3);
    for (const offset of [0, 1, 2]) tracker.finish(offset);
    tracker.begin(1);
    expect(tracker.position).toBe(1);
    tracker.begin(2);
    tracker.finish(3);
    tracker.finish(2);
    expect(tracker.position).toBe(1);
    tracker.finish(1);
    expect(tracker.position).toBe(3);
  });

  it('never passes a record that is not finished, whatever the order', () => {
    const random = seededRandom(7);
    for (let run = 0; run < 200; run += 1) {
      const tracker = new OffsetTracker();
      const open = new Set<number>();
      let next = 0;
      for (let step = 0; step < 3_000; step += 1) {
        if (random() < 0.5 || open.size === 0) {
          next += random() < 0.1 ? 3 : 1;
          tracker.begin(next);
          open.add(next);
        } else {
          const all = [...open].slice(0, 20);
          const offset = all[Math.floor(random() * all.length)] ?? 0;
          tracker.finish(offset);
          open.delete(offset);
        }
        if (step % 50 !== 0) continue;
        const lowest = Math.min(...open);
        expect(tracker.position ?? 0).toBeLessThanOrEqual(lowest);
        expect(tracker.inFlight).toBe(open.size);
      }
    }
  });
});
