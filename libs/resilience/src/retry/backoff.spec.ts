import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { backoffDelay } from './backoff.js';

describe('backoffDelay', () => {
  const plain = { initial: 100, multiplier: 2, max: 1_000, jitter: 0 };
  const delays = (backoff: typeof plain, random = () => 0.5): number[] =>
    [1, 2, 3, 4, 5, 6].map((attempt) => backoffDelay(backoff, attempt, random));

  it('grows exponentially up to its bound', () => {
    expect(delays(plain)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('is fixed with multiplier 1', () => {
    expect(delays({ ...plain, multiplier: 1 })).toEqual([100, 100, 100, 100, 100, 100]);
  });

  it('is spread around the bounded value', () => {
    expect(delays({ ...plain, jitter: 0.5 }, () => 0)).toEqual([50, 100, 200, 400, 500, 500]);
    expect(delays({ ...plain, jitter: 1 }, () => 0.999_999_9)[0]).toBeCloseTo(200, 3);
    const random = seededRandom(7);
    for (let i = 0; i < 1_000; i++) {
      const delay = backoffDelay({ ...plain, jitter: 0.3 }, 2, random);
      expect(delay).toBeGreaterThanOrEqual(140);
      expect(delay).toBeLessThanOrEqual(260);
    }
  });
});
