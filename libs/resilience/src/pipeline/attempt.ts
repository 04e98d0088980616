import { AsyncResource } from 'node:async_hooks';
import {
  AbortedError,
  currentContext,
  runInContext,
  type Deadline,
  type RequestContext,
} from '@rookery/core';
import type { AdmittingState } from '../circuit-breaker/circuit-state.js';
import type { WheelEntry } from '../timeout/timer-wheel.js';
import { CallContext } from './call-context.js';
import type { PolicyCall, PolicySet, Waiter } from './policy.js';

/** Called with the outcome of an attempt, once. May be called before {@link Attempt.start} returns. */
export interface Settle {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Replaces a result that is no outcome yet, such as a stream; `undefined` lets it be one. */
export type Divert = (result: unknown) => { readonly result: unknown } | undefined;

let active: PolicyCall | undefined;

/**
 * The call that is being started, within the synchronous part of a guarded function; afterwards
 * `undefined`. Clients take the signal of their call from here.
 */
export function activeCall(): PolicyCall | undefined {
  return active;
}

/**
 * One attempt of a call, guarded by CircuitBreaker(Timeout(Bulkhead(call))). The three are fused
 * into this one object instead of nested wrappers: it is the bulkhead's waiter and the timer
 * wheel's entry itself, so that an attempt costs one allocation.
 */
export class Attempt implements PolicyCall, Waiter, WheelEntry {
  dueAt = 0;
  previous: WheelEntry | undefined;
  next: WheelEntry | undefined;
  #admission: AdmittingState | undefined;
  #startedAt = 0;
  #limitMs = 0;
  #timed = false;
  #expired = false;
  #done = false;
  #entered = false;
  #context: RequestContext | undefined;
  /** The call that this one was started by, directly. */
  #outer: PolicyCall | undefined;
  #abort: AbortController | undefined;
  #unlink: (() => void) | undefined;
  /** Who leaves the bulkhead must not lend its async context to who enters. */
  #scope: AsyncResource | undefined;

  constructor(
    private readonly policies: PolicySet,
    private readonly fn: (attempt: Attempt) => unknown,
    readonly attempt: number,
    private readonly settle: Settle,
    /** Sync callers cannot wait in a queue. */
    private readonly sync = false,
    private readonly divert?: Divert,
  ) {}

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      this.#linkToParent();
    }
    return this.#abort.signal;
  }

  get deadline(): Deadline {
    return this.policies.timeout!.deadlineAt(this.dueAt);
  }

  start(): void {
    const { circuitBreaker, timeout, bulkhead } = this.policies;
    if (circuitBreaker !== undefined) {
      const admission = circuitBreaker.admit();
      if (admission === undefined) {
        this.#done = true;
        this.settle.reject(circuitBreaker.refusal());
        return;
      }
      this.#admission = admission;
      this.#startedAt = circuitBreaker.startTime();
    }
    if (timeout !== undefined) {
      const context = currentContext();
      const limitMs = timeout.limit(context);
      this.#limitMs = limitMs;
      if (limitMs <= 0) {
        this.#expired = true;
        this.#conclude(false, timeout.timedOut(limitMs));
        return;
      }
      if (limitMs !== Infinity) {
        timeout.wheel.add(this, limitMs);
        this.#timed = true;
        this.#context = context;
      }
    }
    if (bulkhead === undefined) this.#invoke();
    else if (bulkhead.tryEnter()) this.admitted();
    else if (this.sync || !this.#queueUp()) this.#conclude(false, bulkhead.refusal());
  }

  admitted(): void {
    this.#entered = true;
    this.#unlinkParent();
    if (this.#scope === undefined) this.#invoke();
    else this.#scope.runInAsyncScope(() => this.#invoke());
  }

  refused(error: Error): void {
    this.#conclude(false, error);
  }

  /** Stops the limit while a stream's consumer is the one that takes its time. */
  holdLimit(): void {
    if (!this.#timed || this.#done) return;
    this.policies.timeout!.wheel.remove(this);
    this.#timed = false;
  }

  /** Begins the limit anew: for streams it holds from item to item. */
  renewLimit(): void {
    if (this.#done || this.#limitMs === 0 || this.#limitMs === Infinity) return;
    this.holdLimit();
    this.policies.timeout!.wheel.add(this, this.#limitMs);
    this.#timed = true;
  }

  /** Ends an attempt whose caller left. It counts if it had produced something, else not at all. */
  cancel(produced: boolean): void {
    if (this.#done) return;
    this.#finish();
    this.policies.bulkhead?.dequeue(this);
    const { circuitBreaker } = this.policies;
    if (circuitBreaker === undefined) return;
    if (produced) circuitBreaker.succeeded(this.#admission!, this.#startedAt, undefined);
    else circuitBreaker.release(this.#admission!);
  }

  expire(): void {
    this.#timed = false;
    this.#expired = true;
    this.policies.bulkhead?.dequeue(this);
    const error = this.policies.timeout!.timedOut(this.#limitMs);
    this.#conclude(false, error);
    this.#abort?.abort(error);
  }

  #queueUp(): boolean {
    const bulkhead = this.policies.bulkhead!;
    if (!bulkhead.enqueue(this)) return false;
    this.#scope = new AsyncResource('rookery.bulkhead');
    const signal = currentContext()?.signal;
    if (signal === undefined) return true;
    this.#onAbort(signal, () => {
      if (bulkhead.dequeue(this)) {
        this.#conclude(false, new AbortedError(bulkhead.name, signal.reason));
      }
    });
    return true;
  }

  #invoke(): void {
    const outer = active;
    this.#outer = outer;
    // oxlint-disable-next-line typescript/no-this-alias -- published to the call, not an alias
    active = this;
    let result: unknown;
    try {
      const parent = this.#context;
      result =
        parent === undefined
          ? this.fn(this)
          : runInContext(new CallContext(parent, this), () => this.fn(this));
    } catch (error) {
      active = outer;
      this.#ended(false, error);
      return;
    }
    active = outer;
    if (result instanceof Promise) {
      result.then(
        (value: unknown) => this.#ended(true, value),
        (error: unknown) => this.#ended(false, error),
      );
    } else if (isThenable(result)) {
      Promise.resolve(result).then(
        (value: unknown) => this.#ended(true, value),
        (error: unknown) => this.#ended(false, error),
      );
    } else {
      const diverted = this.divert?.(result);
      if (diverted === undefined) this.#ended(true, result);
      else this.#handOver(diverted.result);
    }
  }

  /** The call itself ended, perhaps long after it was given up: only now its place is free. */
  #ended(succeeded: boolean, outcome: unknown): void {
    if (this.#entered) this.policies.bulkhead!.leave();
    this.#conclude(succeeded, outcome);
  }

  #handOver(result: unknown): void {
    if (this.#entered) this.policies.bulkhead!.leave();
    this.#finish();
    if (this.#admission !== undefined) this.policies.circuitBreaker!.release(this.#admission);
    this.settle.resolve(result);
  }

  #conclude(succeeded: boolean, outcome: unknown): void {
    if (this.#done) return;
    this.#finish();
    const { circuitBreaker, timeout } = this.policies;
    if (!this.#expired) timeout?.finished(succeeded);
    if (circuitBreaker !== undefined) {
      const admission = this.#admission!;
      if (succeeded) circuitBreaker.succeeded(admission, this.#startedAt, outcome);
      else circuitBreaker.failed(admission, this.#startedAt, outcome);
    }
    if (succeeded) this.settle.resolve(outcome);
    else this.settle.reject(outcome);
  }

  #finish(): void {
    this.#done = true;
    if (this.#timed) this.policies.timeout!.wheel.remove(this);
    this.#unlinkParent();
  }

  #unlinkParent(): void {
    this.#unlink?.();
    this.#unlink = undefined;
  }

  #linkToParent(): void {
    // The current context may be this call's own, whose signal is the one being made.
    const parent = (this.#context ?? currentContext())?.signal ?? this.#outer?.signal;
    if (parent === undefined || this.#done) return;
    this.#onAbort(parent, () => this.#abort!.abort(parent.reason));
  }

  #onAbort(signal: AbortSignal, listener: () => void): void {
    if (signal.aborted) {
      listener();
      return;
    }
    signal.addEventListener('abort', listener, { once: true });
    this.#unlink = () => signal.removeEventListener('abort', listener);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
