import { durationOption, type Duration } from '@rookery/core';
import { z } from 'zod';
import { errorMatcherOption, type ErrorMatcher } from '../outcome/error-matcher.js';

/** When a circuit breaker opens, for how long, and what counts. Defaults are Resilience4j's. */
export interface CircuitBreakerOptions {
  /** Percentage of failed calls, from which the breaker opens. @default 50 */
  failureRate?: number;
  /** Percentage of slow calls, from which the breaker opens. @default 100 */
  slowCallRate?: number;
  /** A call that takes longer is slow. Below 1 s it is measured exactly, else to 10 ms. @default '60s' */
  slowCallDuration?: Duration;
  /**
   * What the rates are taken from: the last `size` calls, or the calls of the last `duration`
   * (kept in whole seconds). @default { type: 'count', size: 100 }
   */
  window?: { type: 'count'; size?: number } | { type: 'time'; duration?: Duration };
  /** No decision before so many calls; at most the size of a count window. @default 100 */
  minimumCalls?: number;
  /** How long an open breaker refuses before it lets probes through. @default '60s' */
  openDuration?: Duration;
  /** Multiplies `openDuration` each time probing fails in a row. @default 1 */
  openBackoff?: number;
  /** Upper bound of the multiplied open duration. @default '10m' */
  maxOpenDuration?: Duration;
  /** Spreads the open duration by this fraction up and down, 0 to 1. @default 0 */
  openJitter?: number;
  /** How many probes a half-open breaker lets through. @default 10 */
  halfOpenCalls?: number;
  /** Half-open without a decision for so long opens again; 0 waits for ever. @default 0 */
  maxHalfOpenDuration?: Duration;
  /** Goes half-open by a timer instead of with the next call. @default false */
  automaticHalfOpen?: boolean;
  /** State at creation and after a reset. @default 'closed' */
  initialState?: 'closed' | 'open' | 'forced_open' | 'disabled' | 'metrics_only';
  /**
   * Errors that count as failures; others count as successes.
   * @default all but HTTP statuses below 500 (408, 425 and 429 count)
   */
  record?: ErrorMatcher;
  /** Errors that do not count at all. @default AbortedError and BulkheadFullError */
  ignore?: ErrorMatcher;
  /** Results that count as failures though the call did not throw. @default none */
  recordResult?: (result: unknown) => boolean;
  /** False lets every call through uncounted. @default true */
  enabled?: boolean;
}

const percentage = z.number().gt(0).max(100);

/** What configuration may set: all options but the predicates. */
export const circuitBreakerSettings = z.strictObject({
  failureRate: percentage.default(50),
  slowCallRate: percentage.default(100),
  slowCallDuration: durationOption().default(60_000),
  window: z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('count'),
        size: z.int().min(1).max(100_000).default(100),
      }),
      z.strictObject({
        type: z.literal('time'),
        duration: durationOption()
          .default(60_000)
          .refine((ms) => ms >= 1_000 && ms <= 3_600_000, 'expected 1s to 1h'),
      }),
    ])
    .default({ type: 'count', size: 100 }),
  minimumCalls: z.int().min(1).default(100),
  openDuration: durationOption().default(60_000),
  openBackoff: z.number().min(1).default(1),
  maxOpenDuration: durationOption().default(600_000),
  openJitter: z.number().min(0).max(1).default(0),
  halfOpenCalls: z.int().min(1).default(10),
  maxHalfOpenDuration: durationOption().default(0),
  automaticHalfOpen: z.boolean().default(false),
  initialState: z
    .enum(['closed', 'open', 'forced_open', 'disabled', 'metrics_only'])
    .default('closed'),
  enabled: z.boolean().default(true),
});

/** Schema of {@link CircuitBreakerOptions}. */
export const circuitBreakerSchema = circuitBreakerSettings.extend({
  record: errorMatcherOption().optional(),
  ignore: errorMatcherOption().optional(),
  recordResult: z
    .custom<(result: unknown) => boolean>((value) => typeof value === 'function')
    .optional(),
});

/** {@link CircuitBreakerOptions} with defaults applied and durations in milliseconds. */
export type CircuitBreakerConfig = Readonly<z.output<typeof circuitBreakerSchema>>;
