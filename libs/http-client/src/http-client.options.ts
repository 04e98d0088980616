import { durationOption } from '@rookery/core';
import { z } from 'zod';

const MIB = 1_048_576;

/** Schema of the configuration namespace `httpClient`. */
export const httpClientSchema = z
  .strictObject({
    /** Time for a connection to be made. */
    connectTimeout: durationOption().default(2_000),
    /** Time for the whole exchange, unless the caller's deadline is nearer. */
    timeout: durationOption().default(10_000),
    /** Connections to one instance. */
    maxConnections: z.coerce.number().int().min(1).max(10_000).default(64),
    /** How long an idle connection is kept; shorter than servers keep theirs. */
    keepAlive: durationOption().default(30_000),
    /** Largest answer that is read, in bytes. */
    maxResponseSize: z.coerce
      .number()
      .int()
      .min(1)
      .default(10 * MIB),
    /** Instances that connections are kept to; beyond it the longest unused one is closed. */
    maxInstances: z.coerce.number().int().min(1).max(10_000).default(256),
  })
  .prefault({});

/** Resolved configuration `httpClient`; durations in milliseconds. */
export type HttpClientConfig = z.output<typeof httpClientSchema>;
