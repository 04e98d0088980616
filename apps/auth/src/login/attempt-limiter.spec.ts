import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { TooManyAttemptsError } from '../auth.errors.js';
import { AttemptLimiter } from './attempt-limiter.js';

function failTimes(limiter: AttemptLimiter, times: number, account: string, address: string): void {
  for (let i = 0; i < times; i++) limiter.begin(account, address);
}

/** Seconds to wait, where an attempt is refused; another one that fails where it is not. */
function attempt(limiter: AttemptLimiter, account: string, address: string): number | undefined {
  try {
    limiter.begin(account, address);
    return undefined;
  } catch (error) {
    return Number((error as TooManyAttemptsError).headers['retry-after']);
  }
}

function waitOf(limiter: AttemptLimiter, account: string, address: string): number {
  try {
    limiter.begin(account, address)();
    return 0;
  } catch (error) {
    return Number((error as TooManyAttemptsError).headers['retry-after']);
  }
}

describe('attempt limiter', () => {
  it('doubles the delay with each failure after the fifth, up to 15 minutes', async () => {
    const clock = new VirtualClock();
    const limiter = new AttemptLimiter(clock);
    const waits: number[] = [];
    for (let i = 0; i < 20; i++) {
      limiter.begin('ada', '10.0.0.1');
      const refused = i < 5 ? undefined : attempt(limiter, 'ada', '10.0.0.1');
      if (refused !== undefined) waits.push(refused);
      await clock.advance((refused ?? 0) * 1_000);
    }
    expect(waits.slice(0, 4)).toEqual([1, 2, 4, 8]);
    expect(waits.at(-1)).toBe(900);
  });

  it('does not let parallel attempts slip through before the first has failed', () => {
    const limiter = new AttemptLimiter(new VirtualClock());
    let begun = 0;
    for (let i = 0; i < 100; i++) {
      try {
        limiter.begin('ada', '10.0.0.1');
        begun++;
      } catch (error) {
        expect(error).toBeInstanceOf(TooManyAttemptsError);
      }
    }
    expect(begun).toBe(6);
  });

  it('forgives an account at success', () => {
    const limiter = new AttemptLimiter(new VirtualClock());
    failTimes(limiter, 4, 'ada', '10.0.0.1');
    limiter.begin('ada', '10.0.0.1')();
    failTimes(limiter, 5, 'ada', '10.0.0.1');
    expect(waitOf(limiter, 'ada', '10.0.0.1')).toBe(0);
  });

  it('does not forgive the address for a success with an account of the guesser’s own', async () => {
    const clock = new VirtualClock();
    const limiter = new AttemptLimiter(clock);
    for (let i = 0; i < 31; i++) {
      limiter.begin(`victim-${i}`, '10.0.0.1');
      if (i < 30) limiter.begin('own', '10.0.0.1')();
    }
    expect(waitOf(limiter, 'victim-99', '10.0.0.1')).toBe(1);
    expect(waitOf(limiter, 'own', '10.0.0.1')).toBe(1);
  });

  it('slows an address that tries many accounts, not its neighbours', () => {
    const limiter = new AttemptLimiter(new VirtualClock());
    for (let i = 0; i < 31; i++) limiter.begin(`account-${i}`, '10.0.0.1');
    expect(waitOf(limiter, 'fresh', '10.0.0.1')).toBe(1);
    expect(waitOf(limiter, 'fresh', '10.0.0.2')).toBe(0);
  });

  it('never locks an account for longer than 30 s, however many addresses try it', async () => {
    const clock = new VirtualClock();
    const limiter = new AttemptLimiter(clock);
    for (let i = 0; i < 200; i++) {
      const wait = waitOf(limiter, 'ada', `10.0.1.${i}`);
      expect(wait).toBeLessThanOrEqual(30);
      await clock.advance(wait * 1_000);
      limiter.begin('ada', `10.0.1.${i}`);
    }
  });

  it('forgets failures after an hour', async () => {
    const clock = new VirtualClock();
    const limiter = new AttemptLimiter(clock);
    failTimes(limiter, 5, 'ada', '10.0.0.1');
    await clock.advance(3_600_001);
    failTimes(limiter, 5, 'ada', '10.0.0.1');
    expect(waitOf(limiter, 'ada', '10.0.0.1')).toBe(0);
  });

  it('takes an account by any case of its name', () => {
    const limiter = new AttemptLimiter(new VirtualClock());
    for (const name of ['ada', 'ADA', 'Ada', 'aDa', 'adA', 'AdA']) limiter.begin(name, '10.0.0.1');
    expect(waitOf(limiter, 'ada', '10.0.0.1')).toBe(1);
  });

  it('remembers a bounded number of keys', () => {
    const limiter = new AttemptLimiter(new VirtualClock());
    for (let i = 0; i < 12_000; i++) limiter.begin(`account-${i}`, `10.${i >> 8}.${i & 255}.1`);
    expect(limiter.size).toBeLessThanOrEqual(10_000);
  });

  it('watches secrets without counting the attempts that succeed', () => {
    const limiter = new AttemptLimiter(new VirtualClock());
    const parallel = Array.from({ length: 50 }, () => limiter.watch('orders', '10.0.0.1'));
    for (const attempt of parallel) attempt.succeed();
    for (let i = 0; i < 6; i++) limiter.watch('orders', '10.0.0.1').fail();
    expect(() => limiter.watch('orders', '10.0.0.1')).toThrow(TooManyAttemptsError);
    expect(() => limiter.watch('payments', '10.0.0.1')).not.toThrow();
  });
});
