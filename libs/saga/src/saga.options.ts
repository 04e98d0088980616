import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Configuration namespace `saga`. Durations are milliseconds or texts like `'30s'`. */
export const sagaOptions = z.strictObject({
  /** How long a step waits for its reply unless it says otherwise. */
  stepTimeout: durationOption().default(30_000),
  /** The longest pause between two looks for timers that other instances set. */
  pollInterval: durationOption().default(1_000),
  /** How long sagas are kept after they ended. */
  retention: durationOption().default(30 * 86_400_000),
});

/** The values of {@link sagaOptions}. */
export type SagaConfig = z.output<typeof sagaOptions>;
