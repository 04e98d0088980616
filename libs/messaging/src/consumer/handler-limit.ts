import type { Cancel, Clock } from '@rookery/core';
import { HandlerTimeoutError } from '../messaging.errors.js';

/**
 * By signal: what goes on until it aborts. One listener for all of them, because adding and removing
 * one costs more than all else that a limit does.
 */
const open = new WeakMap<AbortSignal, Set<HandlerLimit>>();

function openUntil(cancel: AbortSignal): Set<HandlerLimit> {
  const known = open.get(cancel);
  if (known !== undefined) return known;
  const limits = new Set<HandlerLimit>();
  const end = (): void => limits.forEach((limit) => limit.end(cancel.reason as Error));
  cancel.addEventListener('abort', end, { once: true });
  open.set(cancel, limits);
  return limits;
}

/** How long one try may go on: until its time is over, or nobody wants its result any more. */
export class HandlerLimit {
  readonly #limits: Set<HandlerLimit>;
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #stop: ((reason: Error) => void) | undefined;

  constructor(
    private readonly consumer: string,
    private readonly ms: number,
    private readonly clock: Clock,
    cancel: AbortSignal,
  ) {
    this.#limits = openUntil(cancel);
    if (cancel.aborted) this.#reason = cancel.reason as Error;
    else this.#limits.add(this);
  }

  /** Aborts at the end of the limit. Made when somebody asks for it, which few handlers do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Waits for `fn` no longer than the limit allows. Whatever it does then, nobody hears of it. */
  run<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#reason !== undefined) return Promise.reject(this.#reason);
    return new Promise<T>((resolve, reject) => {
      const cancel: Cancel = this.clock.after(this.ms, () =>
        this.end(new HandlerTimeoutError(this.consumer, this.ms)),
      );
      this.#stop = (reason) => {
        cancel();
        reject(reason);
      };
      const failed = (error: unknown): void => {
        cancel();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the handler's
        reject(error);
      };
      try {
        fn().then((result) => {
          cancel();
          resolve(result);
        }, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  end(reason: Error): void {
    this.#reason ??= reason;
    this.#limits.delete(this);
    this.#controller?.abort(this.#reason);
    this.#stop?.(this.#reason);
  }

  /** The try is over. */
  close(): void {
    this.#stop = undefined;
    this.#limits.delete(this);
  }
}
