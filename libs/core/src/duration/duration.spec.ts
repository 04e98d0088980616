import { describe, expect, it } from 'vitest';
import { toMilliseconds } from './duration.js';

describe('toMilliseconds', () => {
  it.each([
    [0, 0],
    [250, 250],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['8d', 691_200_000],
  ])('reads %s as %i ms', (duration, expected) => {
    expect(toMilliseconds(duration)).toBe(expected);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '', '5', '5 s', '-1s', 's', '1e3ms'])(
    'refuses %s and says what is allowed',
    (duration) => {
      expect(() => toMilliseconds(duration)).toThrow(/is not a duration: expected/);
    },
  );
});
