import { AbortedError } from '../errors/aborted.error.js';

/** Ends a pending timer. Calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

/** Where time comes from. Engines take one, so that tests never wait for real time. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when the system's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. Use it to measure. */
  monotonic(): number;
  /** Calls `fn` once after `ms`. The timer does not keep the process alive. */
  after(ms: number, fn: () => void): Cancel;
  /**
   * Resolves after `ms`.
   *
   * @throws AbortedError as soon as `signal` aborts; the timer is released then.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The part of {@link Clock} from which the rest follows. */
export abstract class BaseClock implements Clock {
  abstract now(): number;
  abstract monotonic(): number;
  abstract after(ms: number, fn: () => void): Cancel;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new AbortedError('sleep', signal.reason));
        return;
      }
      const onAbort = (): void => {
        cancel();
        reject(new AbortedError('sleep', signal?.reason));
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

class SystemClock extends BaseClock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(ms: number, fn: () => void): Cancel {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  }
}

/** The real time. */
export const systemClock: Clock = new SystemClock();
