import { durationOption } from '@rookery/core';
import { z } from 'zod';
import { LOG_FORMATS, LOG_LEVELS } from './logging/create-logger.js';

/** Configuration `log`. */
export const logSchema = z
  .strictObject({
    /** What is written and above; may change while running. */
    level: z.enum(LOG_LEVELS).default('info'),
    /** One JSON object a line, or text for eyes. */
    format: z.enum(LOG_FORMATS).default('json'),
  })
  .prefault({});

/** Configuration `tracing`. */
export const tracingSchema = z
  .strictObject({
    /**
     * Share of the traces begun here that are recorded, 0 to 1. Traces begun elsewhere follow their
     * caller's decision. Default: 1 in development, else 0.1.
     */
    sampling: z.coerce.number().min(0).max(1).optional(),
    zipkin: z
      .strictObject({
        /** `http://host:9411/api/v2/spans`; without it, nothing is sent. */
        endpoint: z.url({ protocol: /^https?$/ }).optional(),
        /** How long a post of spans may take. */
        timeout: durationOption().prefault('10s'),
        /** How long spans wait for others before they are sent. */
        interval: durationOption().prefault('1s'),
        /** Spans that may wait; more are dropped and counted. */
        maxQueued: z.coerce.number().int().min(1).max(100_000).default(4_000),
      })
      .prefault({}),
    ring: z
      .strictObject({
        /** Keep the newest spans in memory for `/manage/traces`. Default: only in development. */
        enabled: z.stringbool().or(z.boolean()).optional(),
        /** How many spans are kept. */
        size: z.coerce.number().int().min(1).max(100_000).default(2_000),
      })
      .prefault({}),
  })
  .prefault({});

/** Configuration `metrics`. */
export const metricsSchema = z
  .strictObject({
    /** Metrics of the process and its event loop. */
    runtime: z.stringbool().or(z.boolean()).default(true),
    /** Distinct values a label may have; further ones are counted as `OTHER`. */
    maxLabelValues: z.coerce.number().int().min(1).max(10_000).default(200),
  })
  .prefault({});

/** Resolved `log`. */
export type LogConfig = z.output<typeof logSchema>;
/** Resolved `tracing`. */
export type TracingConfig = z.output<typeof tracingSchema>;
/** Resolved `metrics`. */
export type MetricsConfig = z.output<typeof metricsSchema>;
