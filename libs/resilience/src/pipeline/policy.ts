import type { Deadline, RequestContext } from '@rookery/core';
import type { AdmittingState } from '../circuit-breaker/circuit-state.js';
import type { TimerWheel } from '../timeout/timer-wheel.js';

/** What one call knows about itself while policies guard it. */
export interface PolicyCall {
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Aborts when nobody waits for this attempt any more. Made when first asked for. */
  readonly signal: AbortSignal;
}

/** A guarded piece of work. */
export type Guarded<T> = (call: PolicyCall) => T | PromiseLike<T>;

/** Answers instead of a failed call: gets the error and the arguments of the call. */
export type FallbackHandler = (error: unknown, args: readonly unknown[]) => unknown;

/** One that waits in a bulkhead's queue. */
export interface Waiter {
  /** A place became free and is now held by this waiter. */
  admitted(): void;
  /** The waiter left the queue without a place. */
  refused(error: Error): void;
}

/** How a pipeline asks a circuit breaker. */
export interface CircuitBreakerPolicy {
  readonly kind: 'circuit-breaker';
  readonly name: string;
  /** Guards a call by this breaker alone. */
  run<T>(fn: () => T | PromiseLike<T>): Promise<T>;
  /** The admitting state, or `undefined` when the call is refused. */
  admit(): AdmittingState | undefined;
  /** The error for a refused call. */
  refusal(): Error;
  /** When a call starts, as {@link succeeded} and {@link failed} want it back. */
  startTime(): number;
  succeeded(admission: AdmittingState, startedAt: number, result: unknown): void;
  failed(admission: AdmittingState, startedAt: number, error: unknown): void;
  /** The call ended without a result that counts: its permit returns. */
  release(admission: AdmittingState): void;
}

/** How a pipeline asks a bulkhead. */
export interface BulkheadPolicy {
  readonly kind: 'bulkhead';
  readonly name: string;
  /** Takes a place if one is free and nobody waits. */
  tryEnter(): boolean;
  /** Waits for a place, first come first served; false when the queue is full. */
  enqueue(waiter: Waiter): boolean;
  /** Stops waiting; false when the waiter was not in the queue. */
  dequeue(waiter: Waiter): boolean;
  /** Gives the place back. */
  leave(): void;
  refusal(): Error;
}

/** How a pipeline asks a timeout. */
export interface TimeoutPolicy {
  readonly kind: 'timeout';
  readonly name: string;
  readonly wheel: TimerWheel;
  /** Milliseconds a call may take from now; infinite when switched off, 0 when already too late. */
  limit(context: RequestContext | undefined): number;
  /** The point in monotonic time as a deadline, for whom the call asks in turn. */
  deadlineAt(dueAt: number): Deadline;
  timedOut(limitMs: number): Error;
  finished(succeeded: boolean): void;
}

/** How a pipeline asks a retry. */
export interface RetryPolicy {
  readonly kind: 'retry';
  readonly name: string;
  /** Milliseconds to wait before the next attempt, or -1 to give up. */
  nextDelay(attempt: number, error: unknown): number;
  /** Resolves after the delay, rejects when the caller gives up. */
  pause(delayMs: number): Promise<void>;
  finished(attempt: number, succeeded: boolean): void;
}

/** How a pipeline asks fallbacks. */
export interface FallbackPolicy {
  readonly kind: 'fallback';
  readonly name: string;
  /** The handler meant for an error: that of the nearest class. */
  handlerFor(error: unknown): FallbackHandler | undefined;
  fellBack(error: unknown): void;
}

/** A policy of any kind. */
export type Policy =
  FallbackPolicy | RetryPolicy | CircuitBreakerPolicy | TimeoutPolicy | BulkheadPolicy;

/**
 * The effective order, outermost first, whatever order they are written in. A fallback outside of
 * a retry cannot silence it; a breaker outside of a timeout sees the timeouts.
 */
export const POLICY_ORDER = [
  'fallback',
  'retry',
  'circuit-breaker',
  'timeout',
  'bulkhead',
] as const;

/** One of {@link POLICY_ORDER}. */
export type PolicyKind = (typeof POLICY_ORDER)[number];

/** At most one policy of each kind. */
export interface PolicySet {
  readonly fallback: FallbackPolicy | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly circuitBreaker: CircuitBreakerPolicy | undefined;
  readonly timeout: TimeoutPolicy | undefined;
  readonly bulkhead: BulkheadPolicy | undefined;
}
