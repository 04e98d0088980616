import { channel } from '@rookery/core';
import type { CircuitStateName } from './circuit-breaker/circuit-state.js';

/** Says which service a policy works for: several may share a process. */
export interface PolicyEvent {
  /** Service that owns the policy; empty for a policy made without a registry. */
  readonly app: string;
  /** Name of the policy. */
  readonly name: string;
}

/** A circuit breaker changed its state. */
export interface CircuitStateChanged extends PolicyEvent {
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  /** Percentages at the change; -1 before the minimum number of calls. */
  readonly failureRate: number;
  readonly slowCallRate: number;
}

/** A circuit breaker saw a call end, or refused it. */
export interface CircuitCall extends PolicyEvent {
  readonly kind: 'successful' | 'failed' | 'ignored' | 'not_permitted';
  /** Milliseconds the call took, 0 when refused. */
  readonly durationMs: number;
}

/** A bulkhead refused a call or made it wait. */
export interface BulkheadBusy extends PolicyEvent {
  readonly kind: 'queued' | 'rejected';
}

/** A retry waits for the next attempt, or gave up. */
export interface RetryEvent extends PolicyEvent {
  readonly kind: 'retrying' | 'exhausted';
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt; 0 when exhausted. */
  readonly delayMs: number;
  readonly error: unknown;
}

/** A call was given up because it took too long. */
export interface TimedOut extends PolicyEvent {
  readonly timeoutMs: number;
}

/** A fallback answered instead of the call. */
export interface FellBack extends PolicyEvent {
  readonly error: unknown;
}

export const circuitStateChannel = channel<CircuitStateChanged>(
  'rookery.resilience.circuit-breaker.state',
);
export const circuitCallChannel = channel<CircuitCall>('rookery.resilience.circuit-breaker.call');
export const bulkheadChannel = channel<BulkheadBusy>('rookery.resilience.bulkhead');
export const retryChannel = channel<RetryEvent>('rookery.resilience.retry');
export const timeoutChannel = channel<TimedOut>('rookery.resilience.timeout');
export const fallbackChannel = channel<FellBack>('rookery.resilience.fallback');
