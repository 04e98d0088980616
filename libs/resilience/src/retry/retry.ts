import {
  backoffDelay,
  AbortedError,
  currentContext,
  resolveOptions,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
} from '@rookery/core';
import type { EngineContext } from '../engine-context.js';
import { isTransient, matches } from '../outcome/error-matcher.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { Guarded, RetryPolicy } from '../pipeline/policy.js';
import { retryChannel, type RetryEvent } from '../resilience.channels.js';
import { retrySchema, type RetryConfig, type RetryOptions } from './retry.options.js';

/** What a retry has counted since it was created, in Resilience4j's four kinds. */
export interface RetryMetrics {
  readonly successfulWithoutRetry: number;
  readonly successfulWithRetry: number;
  readonly failedWithoutRetry: number;
  readonly failedWithRetry: number;
}

/**
 * Repeats a failed call. It stops early when the deadline of the request would pass during the
 * pause, when the caller gives up, and when the callee asks for a longer pause than is allowed.
 */
export class Retry implements RetryPolicy {
  readonly kind = 'retry';
  readonly name: string;
  readonly app: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pipeline: Pipeline;
  #config!: RetryConfig;
  #worthwhile!: (error: unknown) => boolean;
  readonly #counts = { okFirst: 0, okLater: 0, failedFirst: 0, failedLater: 0 };

  /** @throws InvalidOptionError */
  constructor(options: RetryOptions = {}, context: EngineContext = {}) {
    this.name = context.name ?? 'retry';
    this.app = context.app ?? '';
    this.#clock = context.clock ?? systemClock;
    this.#random = context.random ?? systemRandom;
    this.update(options);
    this.#pipeline = new Pipeline([this]);
  }

  /** The options in force. */
  get config(): RetryConfig {
    return this.#config;
  }

  get metrics(): RetryMetrics {
    const { okFirst, okLater, failedFirst, failedLater } = this.#counts;
    return {
      successfulWithoutRetry: okFirst,
      successfulWithRetry: okLater,
      failedWithoutRetry: failedFirst,
      failedWithRetry: failedLater,
    };
  }

  /** Makes the call until it succeeds or is not worth repeating; rejects with the last error. */
  run<T>(fn: Guarded<T>): Promise<T> {
    return this.#pipeline.run(fn);
  }

  /** Takes other options over for the next decision. @throws InvalidOptionError */
  update(options: RetryOptions): void {
    const config = resolveOptions(retrySchema, options, `retry '${this.name}'`);
    const on = matches(config.on ?? isTransient);
    const except = matches(config.except ?? []);
    this.#config = config;
    this.#worthwhile = (error) => !(error instanceof AbortedError) && !except(error) && on(error);
  }

  nextDelay(attempt: number, error: unknown): number {
    const { attempts, backoff, enabled } = this.#config;
    if (!enabled || !this.#worthwhile(error)) return -1;
    if (attempt >= attempts) return this.#giveUp(attempt, error);
    const asked = retryAfterOf(error);
    const { initial, multiplier, max, jitter } = backoff;
    const pause = { initialMs: initial, maxMs: max, multiplier };
    // Around the bounded pause, as the option says.
    const spread = [1 - jitter, 1 + jitter] as const;
    const delayMs = Math.max(backoffDelay(attempt, { ...pause, spread }, this.#random), asked);
    const context = currentContext();
    const left = context?.deadline?.remainingMs ?? Infinity;
    if (asked > backoff.max || delayMs >= left || context?.signal?.aborted === true) {
      return this.#giveUp(attempt, error);
    }
    this.#tell('retrying', attempt, delayMs, error);
    return delayMs;
  }

  pause(delayMs: number): Promise<void> {
    return this.#clock.sleep(delayMs, currentContext()?.signal);
  }

  finished(attempt: number, succeeded: boolean): void {
    const counts = this.#counts;
    if (succeeded) counts[attempt === 1 ? 'okFirst' : 'okLater']++;
    else counts[attempt === 1 ? 'failedFirst' : 'failedLater']++;
  }

  #giveUp(attempt: number, error: unknown): -1 {
    this.#tell('exhausted', attempt, 0, error);
    return -1;
  }

  #tell(kind: RetryEvent['kind'], attempt: number, delayMs: number, error: unknown): void {
    if (!retryChannel.hasSubscribers) return;
    retryChannel.publish({ app: this.app, name: this.name, kind, attempt, delayMs, error });
  }
}

/** How long the callee asked to be left alone, in milliseconds: an open circuit knows, a 503 may. */
function retryAfterOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 0;
  const { retryAfterMs } = error as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0;
}

/** A retry usable without Nest: `retry({ attempts: 5 }).run(fn)`. */
export function retry(options: RetryOptions = {}, context: EngineContext = {}): Retry {
  return new Retry(options, context);
}
