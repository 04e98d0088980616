import { seededRandom } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { CountWindow, TimeWindow } from './rolling-window.js';

describe('CountWindow', () => {
  it('keeps the last calls only', () => {
    const window = new CountWindow(3);
    window.record(true, true);
    window.record(false, false);
    window.record(false, true);
    expect(window).toMatchObject({ calls: 3, failures: 1, slowCalls: 2 });
    window.record(false, false);
    expect(window).toMatchObject({ calls: 3, failures: 0, slowCalls: 1 });
  });

  it('agrees with a plain list for any sequence', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed);
      const size = 1 + Math.floor(random() * 20);
      const window = new CountWindow(size);
      const list: { failed: boolean; slow: boolean }[] = [];
      for (let i = 0; i < 200; i++) {
        const result = { failed: random() < 0.4, slow: random() < 0.3 };
        list.push(result);
        window.record(result.failed, result.slow);
        const last = list.slice(-size);
        expect(window, `seed ${seed}`).toMatchObject({
          calls: last.length,
          failures: last.filter(({ failed }) => failed).length,
          slowCalls: last.filter(({ slow }) => slow).length,
        });
      }
    }
  });
});

describe('TimeWindow', () => {
  it('forgets seconds that are too old, also when nothing is recorded', () => {
    const window = new TimeWindow(3_000, 0);
    window.record(true, false, 500);
    window.record(false, true, 1_200);
    window.advance(2_999);
    expect(window).toMatchObject({ calls: 2, failures: 1, slowCalls: 1 });
    window.advance(3_000);
    expect(window).toMatchObject({ calls: 1, failures: 0, slowCalls: 1 });
    window.advance(1_000_000);
    expect(window).toMatchObject({ calls: 0, failures: 0, slowCalls: 0 });
  });

  it('agrees with a plain list for any sequence', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed);
      const seconds = 1 + Math.floor(random() * 10);
      let now = Math.floor(random() * 10_000);
      const window = new TimeWindow(seconds * 1_000, now);
      const list: { failed: boolean; slow: boolean; second: number }[] = [];
      for (let i = 0; i < 200; i++) {
        now += random() < 0.1 ? random() * 20_000 : random() * 400;
        const result = { failed: random() < 0.4, slow: random() < 0.3 };
        list.push({ ...result, second: Math.floor(now / 1_000) });
        window.record(result.failed, result.slow, now);
        const last = list.filter(({ second }) => second > Math.floor(now / 1_000) - seconds);
        expect(window, `seed ${seed}`).toMatchObject({
          calls: last.length,
          failures: last.filter(({ failed }) => failed).length,
          slowCalls: last.filter(({ slow }) => slow).length,
        });
      }
    }
  });
});
