import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/index.js';
import { backoffDelay, type Backoff } from './backoff.js';

describe('backoffDelay', () => {
  const plain: Backoff = { initialMs: 100, maxMs: 1_000, spread: [1, 1] };
  const delays = (backoff: Backoff, random = () => 0.5): number[] =>
    [1, 2, 3, 4, 5, 6].map((attempt) => backoffDelay(attempt, backoff, random));

  it('grows exponentially up to its bound', () => {
    expect(delays(plain)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(delays({ ...plain, multiplier: 3 })).toEqual([100, 300, 900, 1_000, 1_000, 1_000]);
    expect(backoffDelay(1_000_000, plain, () => 0)).toBe(1_000);
  });

  it('is fixed with multiplier 1', () => {
    expect(delays({ ...plain, multiplier: 1 })).toEqual([100, 100, 100, 100, 100, 100]);
  });

  it('takes what was before the first try for the first', () => {
    expect(backoffDelay(0, plain, () => 0)).toBe(100);
  });

  it('leaves half of the pause to chance unless told otherwise', () => {
    const backoff = { initialMs: 100, maxMs: 1_000 };
    expect(delays(backoff, () => 0)).toEqual([50, 100, 200, 400, 500, 500]);
    expect(backoffDelay(1, backoff, () => 0.999_999_9)).toBeCloseTo(100, 3);
  });

  it('stays within the spread', () => {
    const random = seededRandom(7);
    for (let i = 0; i < 1_000; i++) {
      const delay = backoffDelay(2, { ...plain, spread: [0.7, 1.3] }, random);
      expect(delay).toBeGreaterThanOrEqual(140);
      expect(delay).toBeLessThanOrEqual(260);
    }
  });

  it('asks nobody when there is nothing to decide', () => {
    const random = (): number => {
      throw new Error('asked');
    };
    expect(delays(plain, random)).toHaveLength(6);
  });
});
