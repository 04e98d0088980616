import type { Cancel } from '@rookery/core';
import type { RollingWindow } from './rolling-window.js';

/** Lets calls through and watches their results. */
export interface Closed {
  readonly name: 'closed';
  readonly window: RollingWindow;
}

/** Refuses calls until `until`, in monotonic milliseconds. */
export interface Open {
  readonly name: 'open';
  readonly until: number;
  /** How often in a row the breaker opened without closing in between, from 1. */
  readonly attempts: number;
  /** Ends the timer of an automatic transition. */
  readonly cancel?: Cancel;
}

/** Lets a bounded number of probes through; their results decide. */
export interface HalfOpen {
  readonly name: 'half_open';
  readonly window: RollingWindow;
  readonly attempts: number;
  /** Results needed for a decision. */
  readonly needed: number;
  permits: number;
  readonly cancel?: Cancel;
}

/** Refuses every call until an operator says otherwise. */
export interface ForcedOpen {
  readonly name: 'forced_open';
}

/** Lets every call through and counts nothing. */
export interface Disabled {
  readonly name: 'disabled';
}

/** Lets every call through and counts, without ever opening. */
export interface MetricsOnly {
  readonly name: 'metrics_only';
  readonly window: RollingWindow;
}

/**
 * The state of a circuit breaker. A call holds the state object that admitted it, so that a result
 * arriving after a transition is recognised as belonging to an earlier state.
 */
export type CircuitState = Closed | Open | HalfOpen | ForcedOpen | Disabled | MetricsOnly;

/** Names as Resilience4j's `state` label has them. */
export type CircuitStateName = CircuitState['name'];

/** The states that admit calls. */
export type AdmittingState = Closed | HalfOpen | Disabled | MetricsOnly;
