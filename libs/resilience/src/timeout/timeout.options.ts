import { durationOption, type Duration } from '@rookery/core';
import { z } from 'zod';

/** How long a call may take. */
export interface TimeoutOptions {
  /** From the start of an attempt, waiting in a bulkhead included. @default '1s' */
  duration?: Duration;
  /** False waits as long as the call takes. @default true */
  enabled?: boolean;
}

/** Schema of {@link TimeoutOptions}. */
export const timeoutSchema = z.strictObject({
  duration: durationOption()
    .default(1_000)
    .refine((ms) => ms > 0, 'expected more than 0'),
  enabled: z.boolean().default(true),
});

/** {@link TimeoutOptions} with defaults applied and durations in milliseconds. */
export type TimeoutConfig = Readonly<z.output<typeof timeoutSchema>>;
