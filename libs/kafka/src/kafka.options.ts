import { durationOption } from '@rookery/core';
import { z } from 'zod';

const address = z
  .string()
  .trim()
  .regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/, "expected 'host:port'");

/** The configuration namespace `kafka`. */
export const kafkaOptions = z.strictObject({
  /** Some brokers, as a list or separated by commas. @default 127.0.0.1:9092 */
  brokers: z
    .union([z.string().transform((text) => text.split(',')), z.array(z.string())])
    .pipe(z.array(address).min(1))
    .default(['127.0.0.1:9092']),
  /** Name of this client in the broker's logs. @default the service's instance */
  clientId: z.string().min(1).optional(),
  /** `memory` needs no broker, and reaches nobody outside the process. */
  driver: z.enum(['kafkajs', 'memory']).default('kafkajs'),
  ssl: z.boolean().default(false),
  sasl: z
    .strictObject({
      mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
      username: z.string().min(1),
      password: z.string().min(1),
    })
    .optional(),
  connectionTimeout: durationOption().default(3_000),
  requestTimeout: durationOption().default(15_000),
  /** After this long without a heartbeat the group goes on without the member. */
  sessionTimeout: durationOption().default(10_000),
  heartbeat: durationOption().default(1_000),
  /** How long members may take to give back their partitions. */
  rebalanceTimeout: durationOption().default(30_000),
  /** How long a broker holds a poll for which it has no records. */
  maxWait: durationOption().default(500),
  /** Crashes of a consumer in a row, other than outages, after which the service asks to be restarted. */
  maxCrashes: z.int().min(0).default(10),
});

/** {@link kafkaOptions} with defaults; durations in milliseconds. */
export type KafkaOptions = z.output<typeof kafkaOptions>;
