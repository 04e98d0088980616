import { durationOption, type Clock, type Duration, type Environment } from '@rookery/core';
import { z } from 'zod';
import { SASL_MECHANISMS, type SaslMechanism } from './sasl/credentials.js';
import { TOPIC_NAME } from './topic/topic-name.js';

const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;

/** Most virtual nodes. */
const MAX_NODES = 9;

/**
 * Checked by hand, because a message must not show what was given: at the path of a problem there
 * is nothing to show.
 */
function checkUsers(users: unknown, context: z.RefinementCtx): void {
  const refuse = (message: string, ...path: string[]): void =>
    context.addIssue({ code: 'custom', message, path: [...path, 'password'], input: undefined });
  if (typeof users !== 'object' || users === null || Object.keys(users).length === 0) {
    refuse('expected passwords by user name, at least one');
    return;
  }
  for (const [user, password] of Object.entries(users)) {
    if (user === '') refuse('expected a user name before it');
    if (typeof password !== 'string' || password === '') refuse('expected a password', user);
  }
}

const sasl = z.strictObject({
  mechanisms: z
    .array(z.enum(SASL_MECHANISMS))
    .min(1)
    .default([...SASL_MECHANISMS]),
  users: z.custom<Readonly<Record<string, string>>>().superRefine(checkUsers),
});

/** Schema of {@link EmbeddedKafkaOptions} without what is no plain value. */
export const optionsSchema = z.strictObject({
  port: z.int('expected a port, 0 to 65535').min(0).max(65_535).default(0),
  host: z
    .string()
    .regex(LOOPBACK, 'expected a loopback address: this broker is for development')
    .default('127.0.0.1'),
  nodes: z.int().min(1).max(MAX_NODES).default(1),
  sasl: sasl.optional(),
  topics: z
    .record(z.string(), z.int('expected a number of partitions').min(1))
    .refine(
      (topics) => Object.keys(topics).every((name) => TOPIC_NAME.test(name)),
      "a topic name is 1 to 249 letters, digits, '.', '_' or '-'",
    )
    .default({}),
  dataDirectory: z.string().min(1).optional(),
  fsync: z.boolean().default(false),
  autoCreateTopics: z.boolean().default(false),
  defaultPartitions: z.int().min(1).max(1_000).default(1),
  maxConnections: z.int().min(1).default(256),
  maxRequestBytes: z.int().min(1_024).max(1_073_741_824).default(16_777_216),
  maxPartitions: z.int().min(1).default(2_000),
  retentionBytes: z.int().min(-1).default(67_108_864),
  retention: durationOption().default(604_800_000),
  minSessionTimeout: durationOption().default(6_000),
  initialRebalanceDelay: durationOption().default(0),
});

/** The options after validation, times in milliseconds. */
export type ResolvedOptions = Readonly<Omit<z.output<typeof optionsSchema>, 'sasl' | 'topics'>>;

/** Who may connect. */
export interface EmbeddedKafkaSasl {
  /** Ways to authenticate that are offered. Default: all. */
  mechanisms?: readonly SaslMechanism[];
  /** Passwords by user name. Salted keys of them are kept, not they themselves. */
  users: Readonly<Record<string, string>>;
}

/** Options of {@link EmbeddedKafka.start}. */
export interface EmbeddedKafkaOptions {
  /** Port to listen on; 0, the default, picks a free one. Further nodes have those that follow. */
  port?: number;
  /**
   * Virtual nodes, 1 (the default) to 9: each has a port of its own and leads and coordinates a part,
   * while all share one process and one store.
   */
  nodes?: number;
  /** Who may connect; everybody when absent. */
  sasl?: EmbeddedKafkaSasl;
  /** A loopback address, default `127.0.0.1`. */
  host?: string;
  /** Topics that are made at the start if they are not there, by name, with their partitions. */
  topics?: Readonly<Record<string, number>>;
  /** Where topics, records and offsets are kept; without it they live as long as the broker. */
  dataDirectory?: string;
  /**
   * Whether an answer waits until the device has the bytes. Default false: a killed process loses
   * nothing that was answered, a crashed machine may.
   */
  fsync?: boolean;
  /** Whether asking for an unknown topic creates it. Default false. */
  autoCreateTopics?: boolean;
  /** Partitions of a topic created without a number. Default 1. */
  defaultPartitions?: number;
  /** Connections at a time per node; more are closed at once. Default 256. */
  maxConnections?: number;
  /** Largest request in bytes; a larger one closes its connection. Default 16 MiB. */
  maxRequestBytes?: number;
  /** Partitions of all topics together. Default 2,000. */
  maxPartitions?: number;
  /** Bytes kept per partition unless the topic says otherwise, -1 for no limit. Default 64 MiB. */
  retentionBytes?: number;
  /** How long records are kept unless the topic says otherwise. Default 7 days. */
  retention?: Duration;
  /** Shortest session timeout a group member may ask for. Default 6 s, as in Kafka. */
  minSessionTimeout?: Duration;
  /** How long a new group waits for more members before its first rebalance. Default 0. */
  initialRebalanceDelay?: Duration;
  /** Receives one line per noteworthy event. Default: nothing is logged. */
  log?: (line: string) => void;
  /** Default: the system's. */
  clock?: Clock;
  /** Where NODE_ENV and ROOKERY_PROFILE are looked up. Default: the process's environment. */
  environment?: Environment;
}
