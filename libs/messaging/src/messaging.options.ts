import { durationOption } from '@rookery/core';
import { z } from 'zod';
import { handlerRetrySchema } from './handler/handler.options.js';

/** The configuration namespace `messaging`. Durations are milliseconds or texts like `'5s'`. */
export const messagingOptions = z.strictObject({
  /** Handlers that run at once in this instance. Each uses a database connection. */
  concurrency: z.int().min(1).max(1_000).default(5),
  /** How messages are tried again whose handler says nothing about it. */
  retry: handlerRetrySchema.prefault({}),
  /** How long one try of a handler may take. */
  handlerTimeout: durationOption().default(30_000),
  /** Bytes that the JSON of a message and its further headers may have. */
  maxMessageSize: z.int().min(1_024).max(10_000_000).default(512_000),
  /** Records of one partition in memory before it is paused. */
  maxInFlight: z.int().min(1).default(500),
  /** Bytes of one partition in memory before it is paused. */
  maxInFlightBytes: z.int().min(1_024).default(8_000_000),
  /** Pause between commits of offsets. */
  commitInterval: durationOption().default(500),
  /** How long running handlers may take when partitions are given back. Below the rebalance timeout. */
  drainTimeout: durationOption().default(10_000),
  /** What becomes of records whose type no contract in this process has. */
  unknownType: z.enum(['dead-letter', 'ignore']).default('dead-letter'),
  /** Topics that are created when missing. */
  topics: z
    .strictObject({
      /** Enough for the most instances that shall ever share the work. */
      partitions: z.int().min(1).max(10_000).default(6),
      /** @default the broker's default */
      replicationFactor: z.int().min(1).max(100).optional(),
    })
    .prefault({}),
  outbox: z
    .strictObject({
      batchSize: z.int().min(1).max(10_000).default(500),
      busyPoll: durationOption().default(5),
      idlePoll: durationOption().default(250),
      /** Age of the oldest message not sent from which on there is an alarm. */
      alarmAfter: durationOption().default(60_000),
    })
    .prefault({}),
  health: z
    .strictObject({
      /** How long consumers may make no progress while there is something to do. */
      wedgedAfter: durationOption().default(120_000),
    })
    .prefault({}),
  delayed: z
    .strictObject({
      /** How far ahead a message may be delayed. */
      max: durationOption().default(366 * 86_400_000),
      /** The longest pause between looks for what other instances left behind. */
      poll: durationOption().default(1_000),
      batchSize: z.int().min(1).max(10_000).default(500),
    })
    .prefault({}),
  failures: z
    .strictObject({
      /** How long messages are kept that are dead, replayed or discarded. Parked ones are kept. */
      retention: durationOption().default(30 * 86_400_000),
    })
    .prefault({}),
  inbox: z
    .strictObject({
      /** How long handled messages are remembered: longer than brokers keep them. */
      retention: durationOption().default(8 * 86_400_000),
    })
    .prefault({}),
});

/** {@link messagingOptions} with defaults; durations in milliseconds. */
export type MessagingOptions = z.output<typeof messagingOptions>;
