import { expect, it } from 'vitest';
import { RestartBackoff } from './restart-backoff.js';

it('doubles the wait up to half a minute, and begins again once a process held', () => {
  const backoff = new RestartBackoff();
  const waits = Array.from({ length: 10 }, () => backoff.next(0));
  expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  expect(backoff.next(29_999)).toBe(30_000);
  expect(backoff.next(30_000)).toBe(200);
});
