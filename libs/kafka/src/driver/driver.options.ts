import type { Clock, Random } from '@rookery/core';
import type { KafkaLog } from './kafka-driver.js';

/** How a client proves who it is. */
export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** Settings of a driver that talks to brokers; durations in milliseconds. */
export interface DriverOptions {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** `true`, or the options of `tls.connect`. */
  readonly ssl?: boolean | import('node:tls').ConnectionOptions | undefined;
  readonly sasl?: SaslOptions | undefined;
  readonly connectionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** After this long without a heartbeat the group goes on without the member. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long members may take to give back their partitions. */
  readonly rebalanceTimeoutMs: number;
  /** How long a broker holds a poll for which it has no records. */
  readonly maxWaitMs: number;
  /** Crashes in a row, other than outages, after which a consumer gives up. */
  readonly maxCrashes: number;
  /** How long leaving the group may take. */
  readonly closeTimeoutMs: number;
  /** Static membership (KIP-345) of consumers that say nothing else; not every driver can. */
  readonly instanceId?: string | undefined;
}

/** What a caller gives: {@link DriverOptions} without those that have defaults. */
export type DriverSettings = Pick<DriverOptions, 'brokers' | 'clientId'> & Partial<DriverOptions>;

/** What a driver gets from outside. */
export interface DriverParts {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: KafkaLog;
}

/** What applies where {@link DriverOptions} says nothing. */
export const DEFAULT_DRIVER_OPTIONS = Object.freeze({
  connectionTimeoutMs: 3_000,
  requestTimeoutMs: 15_000,
  sessionTimeoutMs: 10_000,
  heartbeatMs: 1_000,
  rebalanceTimeoutMs: 30_000,
  maxWaitMs: 500,
  maxCrashes: 10,
  closeTimeoutMs: 2_000,
}) satisfies Partial<DriverOptions>;
