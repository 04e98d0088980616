import { systemClock, type Cancel, type Clock } from '@rookery/core';
import { BaseClock } from '../../libs/core/src/clock/clock.js';

/** The system's clock, which knows how many of its timers have neither fired nor been cancelled. */
export class CountingClock extends BaseClock implements Clock {
  #pending = 0;

  get pending(): number {
    return this.#pending;
  }

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(ms: number, fn: () => void): Cancel {
    let open = true;
    const close = (): void => {
      if (open) this.#pending -= 1;
      open = false;
    };
    this.#pending += 1;
    const cancel = systemClock.after(ms, () => {
      close();
      fn();
    });
    return () => {
      close();
      cancel();
    };
  }
}
