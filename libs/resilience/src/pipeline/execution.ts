import { AsyncResource } from 'node:async_hooks';
import { AbortedError } from '@rookery/core';
import { Attempt, type Divert, type Settle } from './attempt.js';
import type { PolicySet } from './policy.js';

/** Called with the outcome of a call, once. */
export interface Outcome extends Settle {
  /** A fallback answered. @default resolve */
  answer?(value: unknown): void;
  /** Whether another attempt or a fallback may still stand in for this one. @default always */
  replaceable?(): boolean;
}

/** One call with its repetitions and its fallback: Fallback(Retry(attempt)). */
export class Execution implements Settle {
  /** A synchronous call cannot wait: it repeats at once. Cleared when it turns out to be none. */
  sync = false;
  divert: Divert | undefined;
  #number = 0;
  #attempt: Attempt | undefined;
  #cancelled = false;
  /** Timers and leaving calls settle attempts in an async context that is not the caller's. */
  readonly #scope: AsyncResource | undefined;

  constructor(
    private readonly policies: PolicySet,
    private readonly fn: (attempt: Attempt) => unknown,
    private readonly args: readonly unknown[],
    private readonly outcome: Outcome,
  ) {
    const { timeout, bulkhead } = policies;
    if (timeout !== undefined || bulkhead !== undefined) {
      this.#scope = new AsyncResource('rookery.resilience');
    }
  }

  start(): void {
    if (this.#cancelled) return;
    this.#number++;
    this.#attempt = new Attempt(this.policies, this.fn, this.#number, this, this.sync, this.divert);
    this.#attempt.start();
  }

  /** The caller left; `produced` tells whether it had got something by then. */
  cancel(produced: boolean): void {
    this.#cancelled = true;
    this.#attempt?.cancel(produced);
  }

  resolve(value: unknown): void {
    this.policies.retry?.finished(this.#number, true);
    this.outcome.resolve(value);
  }

  reject(error: unknown): void {
    if (this.#scope === undefined) this.#failed(error);
    else this.#scope.runInAsyncScope(() => this.#failed(error));
  }

  #failed(error: unknown): void {
    const { retry } = this.policies;
    const delayMs = retry === undefined || !this.#replaceable() ? -1 : this.#delay(error);
    if (delayMs < 0) {
      retry?.finished(this.#number, false);
      this.#fail(error);
    } else if (this.sync) {
      this.start();
    } else {
      retry!.pause(delayMs).then(
        () => this.start(),
        () => {
          retry!.finished(this.#number, false);
          this.#fail(new AbortedError(retry!.name, error));
        },
      );
    }
  }

  #delay(error: unknown): number {
    return this.policies.retry!.nextDelay(this.#number, error);
  }

  #replaceable(): boolean {
    return this.outcome.replaceable?.() ?? true;
  }

  #fail(error: unknown): void {
    const { fallback } = this.policies;
    const handler = this.#replaceable() ? fallback?.handlerFor(error) : undefined;
    if (handler === undefined) {
      this.outcome.reject(error);
      return;
    }
    let answer: unknown;
    try {
      answer = handler(error, this.args);
    } catch (failure) {
      this.outcome.reject(failure);
      return;
    }
    fallback!.fellBack(error);
    if (this.outcome.answer === undefined) this.outcome.resolve(answer);
    else this.outcome.answer(answer);
  }
}
