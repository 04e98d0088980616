import { describe, expect, it } from 'vitest';
import { dueTimeOf } from './due-time.js';

const limit = { now: 1_000_000, maxMs: 366 * 86_400_000, place: 'publish of a.b' };

describe('the time to send a message', () => {
  it('is now, after a delay, or at a time', () => {
    expect(dueTimeOf({}, limit)).toBeUndefined();
    expect(dueTimeOf({ delay: '5m' }, limit)).toEqual({ inMs: 300_000 });
    expect(dueTimeOf({ delay: 0 }, limit)).toEqual({ inMs: 0 });
    expect(dueTimeOf({ deliverAt: 5 }, limit)).toEqual({ atMs: 5 });
    expect(dueTimeOf({ deliverAt: new Date(2_000_000) }, limit)).toEqual({ atMs: 2_000_000 });
  });

  it.each([
    [{ delay: '5 minutes' }, /delay: '5 minutes' is not a duration/],
    [{ delay: -1 }, /delay: -1 is not a duration/],
    [{ delay: Number.NaN }, /delay: NaN is not a duration/],
    [{ delay: '367d' }, /delay: 367d is too long, at most 366 days ahead/],
    [{ deliverAt: new Date(Number.NaN) }, /deliverAt: .* is no time/],
    [{ deliverAt: 1_000_001 + 366 * 86_400_000 }, /deliverAt: 1971-\S+ is too late/],
    [{ delay: 1, deliverAt: 1 }, /publish of a.b: delay, deliverAt: give one/],
  ])('is refused: %j', (options, message) => {
    expect(() => dueTimeOf(options, limit)).toThrow(message);
  });
});
