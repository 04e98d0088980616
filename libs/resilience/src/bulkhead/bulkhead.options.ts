import { durationOption, type Duration } from '@rookery/core';
import { z } from 'zod';

/** How many calls may run side by side. */
export interface BulkheadOptions {
  /** Calls that may run at a time. @default 25 */
  maxConcurrent?: number;
  /** Calls that may wait, first come first served. @default 0 */
  maxQueue?: number;
  /** How long a call may wait. @default '1s' */
  maxWait?: Duration;
  /** False lets every call through. @default true */
  enabled?: boolean;
}

/** Schema of {@link BulkheadOptions}. */
export const bulkheadSchema = z.strictObject({
  maxConcurrent: z.int().min(1).default(25),
  maxQueue: z.int().min(0).max(100_000).default(0),
  maxWait: durationOption().default(1_000),
  enabled: z.boolean().default(true),
});

/** {@link BulkheadOptions} with defaults applied and durations in milliseconds. */
export type BulkheadConfig = Readonly<z.output<typeof bulkheadSchema>>;
