import { durationOption, type Duration } from '@rookery/core';
import { z } from 'zod';
import { errorMatcherOption, type ErrorMatcher } from '../outcome/error-matcher.js';

/** Pauses between attempts. */
export interface BackoffOptions {
  /** The first pause. @default '500ms' */
  initial?: Duration;
  /** What each further pause is multiplied with; 1 keeps it fixed. @default 1.5 */
  multiplier?: number;
  /** The longest pause. @default '30s' */
  max?: Duration;
  /**
   * Random part of each pause, up and down: 0 none, 0.5 half as long to half as long again; 1 is
   * "full jitter", from nothing to twice as long. @default 0.5
   */
  jitter?: number;
}

/** When and how often a failed call is repeated. */
export interface RetryOptions {
  /** Attempts in all, the first included. @default 3 */
  attempts?: number;
  /** Pauses between attempts. Sync methods cannot wait and repeat at once. */
  backoff?: BackoffOptions;
  /** Errors worth another attempt. @default `retryable` errors of ours, server errors, and errors of unknown kind that are no programming mistakes */
  on?: ErrorMatcher;
  /** Errors never worth another attempt, before `on` is asked. AbortedError is always one. @default none */
  except?: ErrorMatcher;
  /** False makes one attempt. @default true */
  enabled?: boolean;
}

/** What configuration may set: all options but the predicates. */
export const retrySettings = z.strictObject({
  attempts: z.int().min(1).max(100).default(3),
  backoff: z
    .strictObject({
      initial: durationOption().default(500),
      multiplier: z.number().min(1).max(100).default(1.5),
      max: durationOption().default(30_000),
      jitter: z.number().min(0).max(1).default(0.5),
    })
    .prefault({}),
  enabled: z.boolean().default(true),
});

/** Schema of {@link RetryOptions}. */
export const retrySchema = retrySettings.extend({
  on: errorMatcherOption().optional(),
  except: errorMatcherOption().optional(),
});

/** {@link RetryOptions} with defaults applied and durations in milliseconds. */
export type RetryConfig = Readonly<z.output<typeof retrySchema>>;
