import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Configuration `management`. */
export const managementSchema = z
  .strictObject({
    health: z
      .strictObject({
        /** How long one part may take to say how it is; then it counts as down. */
        timeout: durationOption().prefault('3s'),
        /** For how long an answer is reused, so that probes cannot become a load. */
        cache: durationOption().prefault('500ms'),
        /** Who sees the single parts: everyone, who has scope `ops:read` (or in development), nobody. */
        details: z.enum(['always', 'when-authorized', 'never']).default('when-authorized'),
        /** How late the event loop may be before the service counts as hung. */
        maxEventLoopDelay: durationOption().prefault('5s'),
      })
      .prefault({}),
  })
  .prefault({});

/** Resolved `management`. */
export type ManagementConfig = z.output<typeof managementSchema>;

/** The part of configuration `server` that the actuator reads; its owner validates all of it. */
export const drainSchema = z
  .object({
    /** How long to keep serving after saying that we leave. */
    drainDelay: durationOption().optional(),
  })
  .prefault({});
