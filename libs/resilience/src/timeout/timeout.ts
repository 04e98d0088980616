import {
  Deadline,
  resolveOptions,
  systemClock,
  TimeoutError,
  type Clock,
  type Duration,
  type RequestContext,
} from '@rookery/core';
import type { EngineContext } from '../engine-context.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { Guarded, TimeoutPolicy } from '../pipeline/policy.js';
import { timeoutChannel } from '../resilience.channels.js';
import { timeoutSchema, type TimeoutConfig, type TimeoutOptions } from './timeout.options.js';
import { wheelOf, type TimerWheel } from './timer-wheel.js';

/** What a timeout has counted since it was created. */
export interface TimeoutMetrics {
  readonly successful: number;
  readonly failed: number;
  readonly timedOut: number;
}

/**
 * Gives a call up when it takes too long, or when the deadline of the request it works for passes.
 * The call is told through its signal; its result, should one still come, is dropped.
 */
export class Timeout implements TimeoutPolicy {
  readonly kind = 'timeout';
  readonly name: string;
  readonly app: string;
  readonly wheel: TimerWheel;
  readonly #clock: Clock;
  #config!: TimeoutConfig;
  #successful = 0;
  #failed = 0;
  #timedOut = 0;
  readonly #pipeline: Pipeline;

  /** @throws InvalidOptionError */
  constructor(options: TimeoutOptions = {}, context: EngineContext = {}) {
    this.name = context.name ?? 'timeout';
    this.app = context.app ?? '';
    this.#clock = context.clock ?? systemClock;
    this.wheel = wheelOf(this.#clock);
    this.update(options);
    this.#pipeline = new Pipeline([this]);
  }

  /** The options in force. */
  get config(): TimeoutConfig {
    return this.#config;
  }

  get metrics(): TimeoutMetrics {
    return { successful: this.#successful, failed: this.#failed, timedOut: this.#timedOut };
  }

  /**
   * Makes the call.
   *
   * @throws TimeoutError (as a rejection) when it took too long
   */
  run<T>(fn: Guarded<T>): Promise<T> {
    return this.#pipeline.run(fn);
  }

  /** Takes other options over for calls that start from now on. @throws InvalidOptionError */
  update(options: TimeoutOptions): void {
    this.#config = resolveOptions(timeoutSchema, options, `timeout '${this.name}'`);
  }

  limit(context: RequestContext | undefined): number {
    const own = this.#config.enabled ? this.#config.duration : Infinity;
    const deadline = context?.deadline;
    return deadline === undefined ? own : Math.min(own, deadline.remainingMs);
  }

  deadlineAt(dueAt: number): Deadline {
    return Deadline.in(Math.max(0, dueAt - this.#clock.monotonic()), this.#clock);
  }

  timedOut(limitMs: number): TimeoutError {
    this.#timedOut++;
    const timeoutMs = Math.round(limitMs);
    if (timeoutChannel.hasSubscribers) {
      timeoutChannel.publish({ app: this.app, name: this.name, timeoutMs });
    }
    return new TimeoutError(this.name, timeoutMs);
  }

  finished(succeeded: boolean): void {
    if (succeeded) this.#successful++;
    else this.#failed++;
  }
}

/** A timeout usable without Nest: `timeout('800ms').run((call) => fetch(url, call))`. */
export function timeout(
  options: Duration | TimeoutOptions = {},
  context: EngineContext = {},
): Timeout {
  return new Timeout(typeof options === 'object' ? options : { duration: options }, context);
}
