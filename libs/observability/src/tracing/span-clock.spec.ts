import { afterEach, describe, expect, it, vi } from 'vitest';
import { spanTime } from './span-clock.js';

afterEach(() => vi.restoreAllMocks());

describe('the time of spans', () => {
  it('is the time of day, finer than a millisecond, and never goes back', () => {
    const times = Array.from({ length: 1_000 }, () => spanTime());
    expect(Math.abs(times[0]! - Date.now())).toBeLessThan(1_000);
    expect(times.some((time) => time % 1 !== 0)).toBe(true);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('follows a clock that is set', () => {
    const real = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000);
    expect(Math.abs(spanTime() - (real() + 3_600_000))).toBeLessThan(1_000);
    vi.restoreAllMocks();
    expect(Math.abs(spanTime() - real())).toBeLessThan(1_000);
  });
});
