import { durationOption } from '@rookery/core';
import { z } from 'zod';

const address = z
  .string()
  .trim()
  .regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/, "expected 'host:port'");

/** A PEM text, or the path of a file that holds one. */
const pem = z.string().trim().min(1);

const tls = z.strictObject({
  /** Whom to trust. @default what Node trusts */
  ca: pem.optional(),
  /** Who we are, for brokers that want to know (mutual TLS); goes with `key`. */
  cert: pem.optional(),
  key: pem.optional(),
  passphrase: z.string().min(1).optional(),
  /** Name that the brokers' certificate must be for. @default each broker's host */
  serverName: z.string().min(1).optional(),
  /** Whether to refuse certificates that nobody vouches for. */
  verify: z.boolean().default(true),
});

const settings = z.strictObject({
  /** Some brokers, as a list or separated by commas. @default 127.0.0.1:9092 */
  brokers: z
    .union([z.string().transform((text) => text.split(',')), z.array(z.string())])
    .pipe(z.array(address).min(1))
    .default(['127.0.0.1:9092']),
  /** Name of this client in the broker's logs. @default the service's instance */
  clientId: z.string().min(1).optional(),
  /** `memory` needs no broker, and reaches nobody outside the process. */
  driver: z.enum(['kafkajs', 'platformatic', 'memory']).default('kafkajs'),
  /** Whether to talk TLS, which `tls` says more about. */
  ssl: z.boolean().default(false),
  /** How to talk TLS; implies `ssl`. */
  tls: tls.optional(),
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
  /** How long a broker holds a poll without records. @default 500 ms; platformatic: 5 s */
  maxWait: durationOption().optional(),
  /** Crashes of a consumer in a row, other than outages, after which the service asks to be restarted. */
  maxCrashes: z.int().min(0).default(10),
  /** Static membership (KIP-345) under this id, unique within each group; `platformatic` only. */
  instanceId: z
    .string()
    .regex(/^[\w.-]{1,249}$/, 'expected letters, digits, dots, dashes')
    .optional(),
});

/** The configuration namespace `kafka`. */
export const kafkaOptions = settings.superRefine((options, context) => {
  const { driver, instanceId, heartbeat, sessionTimeout, rebalanceTimeout } = options;
  const refuse = (key: string, message: string): void =>
    context.addIssue({ code: 'custom', path: key.split('.'), message });
  const { cert, key } = options.tls ?? {};
  // At the one that is missing: a message shows the value it is about.
  if (cert === undefined && key !== undefined) refuse('tls.cert', 'expected beside tls.key');
  if (cert !== undefined && key === undefined) refuse('tls.key', 'expected beside tls.cert');
  if (instanceId !== undefined && driver !== 'platformatic') {
    refuse('instanceId', `${driver} has no static membership; use kafka.driver: platformatic`);
  }
  if (heartbeat > sessionTimeout / 2) {
    refuse('heartbeat', `expected at most half of kafka.sessionTimeout (${sessionTimeout} ms)`);
  }
  if (rebalanceTimeout < sessionTimeout) {
    refuse('rebalanceTimeout', `expected at least kafka.sessionTimeout (${sessionTimeout} ms)`);
  }
});

/** {@link kafkaOptions} with defaults; durations in milliseconds. */
export type KafkaOptions = z.output<typeof kafkaOptions>;
