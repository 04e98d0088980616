import {
  AbortedError,
  resolveOptions,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
} from '@rookery/core';
import { BulkheadFullError } from '../bulkhead/bulkhead-full.error.js';
import type { EngineContext } from '../engine-context.js';
import { isDependencyFailure, matches } from '../outcome/error-matcher.js';
import type { CircuitBreakerPolicy } from '../pipeline/policy.js';
import {
  circuitCallChannel,
  circuitStateChannel,
  type CircuitCall,
} from '../resilience.channels.js';
import { wheelOf, type TimerWheel } from '../timeout/timer-wheel.js';
import {
  circuitBreakerSchema,
  type CircuitBreakerConfig,
  type CircuitBreakerOptions,
} from './circuit-breaker.options.js';
import { CallTally, type CircuitBreakerMetrics } from './call-tally.js';
import { CircuitOpenError } from './circuit-open.error.js';
import type { AdmittingState, CircuitState, CircuitStateName } from './circuit-state.js';
import { CountWindow, TimeWindow, type RollingWindow } from './rolling-window.js';

/** Below this a slow-call limit is measured with the exact clock; it costs about 0.1 us a call. */
const COARSE_ENOUGH_MS = 1_000;

const ignoredByDefault = (error: unknown): boolean =>
  error instanceof AbortedError || error instanceof BulkheadFullError;

/**
 * Stops calling what keeps failing: after too many failed or slow calls it refuses calls for a
 * while, then lets a few through to see whether it is over. The state machine is Resilience4j's.
 */
export class CircuitBreaker implements CircuitBreakerPolicy {
  readonly kind = 'circuit-breaker';
  readonly name: string;
  readonly app: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wheel: TimerWheel;
  readonly #tally = new CallTally();
  #config!: CircuitBreakerConfig;
  #record!: (error: unknown) => boolean;
  #ignore!: (error: unknown) => boolean;
  #exact = false;
  #state: CircuitState;

  /** @throws InvalidOptionError */
  constructor(options: CircuitBreakerOptions = {}, context: EngineContext = {}) {
    this.name = context.name ?? 'circuitBreaker';
    this.app = context.app ?? '';
    this.#clock = context.clock ?? systemClock;
    this.#random = context.random ?? systemRandom;
    this.#wheel = wheelOf(this.#clock);
    this.#configure(options);
    this.#state = this.#initialState();
  }

  /** The options in force. */
  get config(): CircuitBreakerConfig {
    return this.#config;
  }

  get state(): CircuitStateName {
    return this.#state.name;
  }

  /** Counts since creation and rates of the window, -1 before the minimum number of calls. */
  get metrics(): CircuitBreakerMetrics {
    const window = 'window' in this.#state ? this.#state.window : undefined;
    window?.advance(this.#clock.monotonic());
    const needed = this.#state.name === 'half_open' ? this.#state.needed : this.#effectiveMinimum();
    return this.#tally.snapshot(window, needed);
  }

  /**
   * Makes the call, or refuses it.
   *
   * @throws CircuitOpenError (as a rejection) when the call is refused
   */
  run<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    const admission = this.admit();
    if (admission === undefined) return Promise.reject(this.refusal());
    const startedAt = this.startTime();
    let result: T | PromiseLike<T>;
    try {
      result = fn();
    } catch (error) {
      this.failed(admission, startedAt, error);
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a call may throw anything
      return Promise.reject<T>(error);
    }
    const promise = result instanceof Promise ? result : Promise.resolve(result);
    return promise.then(
      (value) => {
        this.succeeded(admission, startedAt, value);
        return value;
      },
      (error: unknown) => {
        this.failed(admission, startedAt, error);
        throw error;
      },
    );
  }

  admit(): AdmittingState | undefined {
    const state = this.#state;
    switch (state.name) {
      case 'closed':
      case 'disabled':
      case 'metrics_only':
        return state;
      case 'open':
        if (this.#clock.monotonic() < state.until) break;
        this.#transition(this.#halfOpen(state.attempts));
        return this.admit();
      case 'half_open':
        if (state.permits === 0) break;
        state.permits--;
        return state;
      case 'forced_open':
        break;
    }
    this.#tally.notPermitted++;
    if (circuitCallChannel.hasSubscribers) this.#tell('not_permitted', 0);
    return undefined;
  }

  refusal(): CircuitOpenError {
    const state = this.#state;
    const left = state.name === 'open' ? state.until - this.#clock.monotonic() : 0;
    return new CircuitOpenError(this.name, Math.max(0, Math.round(left)));
  }

  startTime(): number {
    return this.#exact ? this.#clock.monotonic() : this.#wheel.now();
  }

  succeeded(admission: AdmittingState, startedAt: number, result: unknown): void {
    const failed = this.#config.recordResult?.(result) ?? false;
    this.#finish(admission, startedAt, failed);
  }

  failed(admission: AdmittingState, startedAt: number, error: unknown): void {
    if (!this.#ignore(error)) {
      this.#finish(admission, startedAt, this.#record(error));
      return;
    }
    this.release(admission);
    if (admission.name === 'disabled') return;
    this.#tally.ignored++;
    if (circuitCallChannel.hasSubscribers) this.#tell('ignored', this.startTime() - startedAt);
  }

  release(admission: AdmittingState): void {
    if (admission.name === 'half_open') admission.permits++;
  }

  /** Back to the initial state with an empty window. */
  reset(): void {
    this.#transition(this.#initialState());
  }

  /** Puts the breaker in a state by hand; it goes on from there by its own rules. */
  force(to: CircuitStateName): void {
    this.#transition(this.#make(to));
  }

  /**
   * Takes other options over at once. The state stays, unless the window has another shape or
   * `enabled` changed.
   *
   * @throws InvalidOptionError leaving the old options in force
   */
  update(options: CircuitBreakerOptions): void {
    const before = this.#config;
    this.#configure(options);
    const { window, enabled } = this.#config;
    if (enabled !== before.enabled) this.reset();
    else if (JSON.stringify(window) !== JSON.stringify(before.window)) {
      if (this.#state.name === 'closed' || this.#state.name === 'metrics_only') {
        this.#transition(this.#make(this.#state.name));
      }
    }
  }

  /** Ends the timers of automatic transitions. */
  close(): void {
    cancelTimer(this.#state);
  }

  #configure(options: CircuitBreakerOptions): void {
    this.#config = resolveOptions(circuitBreakerSchema, options, `circuit breaker '${this.name}'`);
    this.#record = matches(this.#config.record ?? isDependencyFailure);
    this.#ignore = matches(this.#config.ignore ?? ignoredByDefault);
    this.#exact = this.#config.slowCallDuration < COARSE_ENOUGH_MS;
  }

  #finish(admission: AdmittingState, startedAt: number, failed: boolean): void {
    if (admission.name === 'disabled') return;
    const now = this.startTime();
    const durationMs = now - startedAt;
    const slow = durationMs > this.#config.slowCallDuration;
    this.#tally.finished(failed, durationMs);
    if (circuitCallChannel.hasSubscribers) this.#tell(failed ? 'failed' : 'successful', durationMs);
    // A result of a call that an earlier state admitted says nothing about the present one.
    if (admission !== this.#state) return;
    admission.window.record(failed, slow, now);
    if (admission.name === 'metrics_only') return;
    if (admission.name === 'half_open') {
      if (admission.window.calls < admission.needed) return;
      const next = this.#exceeded(admission.window)
        ? this.#open(admission.attempts + 1)
        : this.#make('closed');
      this.#transition(next);
    } else if (
      (failed || slow) &&
      admission.window.calls >= this.#effectiveMinimum() &&
      this.#exceeded(admission.window)
    ) {
      this.#transition(this.#open(1));
    }
  }

  #exceeded(window: RollingWindow): boolean {
    const { failureRate, slowCallRate } = this.#config;
    return (
      window.failures * 100 >= failureRate * window.calls ||
      window.slowCalls * 100 >= slowCallRate * window.calls
    );
  }

  #effectiveMinimum(): number {
    const { minimumCalls, window } = this.#config;
    return window.type === 'count' ? Math.min(minimumCalls, window.size) : minimumCalls;
  }

  #initialState(): CircuitState {
    return this.#make(this.#config.enabled ? this.#config.initialState : 'disabled');
  }

  #make(name: CircuitStateName): CircuitState {
    switch (name) {
      case 'open':
        return this.#open(1);
      case 'half_open':
        return this.#halfOpen(1);
      case 'closed':
      case 'metrics_only':
        return { name, window: this.#window() };
      default:
        return { name };
    }
  }

  #window(): RollingWindow {
    const { window } = this.#config;
    return window.type === 'count'
      ? new CountWindow(window.size)
      : new TimeWindow(window.duration, this.#clock.monotonic());
  }

  #open(attempts: number): CircuitState {
    const { openDuration, openBackoff, maxOpenDuration, openJitter, automaticHalfOpen } =
      this.#config;
    const grown = Math.min(maxOpenDuration, openDuration * openBackoff ** (attempts - 1));
    const waitMs = Math.max(openDuration, grown) * (1 + openJitter * (2 * this.#random() - 1));
    const until = this.#clock.monotonic() + waitMs;
    if (!automaticHalfOpen) return { name: 'open', until, attempts };
    const cancel = this.#clock.after(waitMs, () => this.#transition(this.#halfOpen(attempts)));
    return { name: 'open', until, attempts, cancel };
  }

  #halfOpen(attempts: number): CircuitState {
    const { halfOpenCalls, minimumCalls, maxHalfOpenDuration } = this.#config;
    const state = {
      name: 'half_open' as const,
      window: new CountWindow(halfOpenCalls),
      attempts,
      needed: Math.min(minimumCalls, halfOpenCalls),
      permits: halfOpenCalls,
    };
    if (maxHalfOpenDuration === 0) return state;
    const cancel = this.#clock.after(maxHalfOpenDuration, () =>
      this.#transition(this.#open(attempts + 1)),
    );
    return { ...state, cancel };
  }

  #transition(to: CircuitState): void {
    const from = this.#state;
    cancelTimer(from);
    if (circuitStateChannel.hasSubscribers && from.name !== to.name) {
      const { failureRate, slowCallRate } = this.metrics;
      circuitStateChannel.publish({
        app: this.app,
        name: this.name,
        from: from.name,
        to: to.name,
        failureRate,
        slowCallRate,
      });
    }
    this.#state = to;
  }

  #tell(kind: CircuitCall['kind'], durationMs: number): void {
    circuitCallChannel.publish({ app: this.app, name: this.name, kind, durationMs });
  }
}

function cancelTimer(state: CircuitState): void {
  if (state.name === 'open' || state.name === 'half_open') state.cancel?.();
}

/** A circuit breaker usable without Nest: `circuitBreaker({ ... }).run(fn)`. */
export function circuitBreaker(
  options: CircuitBreakerOptions = {},
  context: EngineContext = {},
): CircuitBreaker {
  return new CircuitBreaker(options, context);
}
