import type { ConfigStore } from '@rookery/config';
import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** Schema of the `discoveryServer` namespace. */
export const discoveryServerOptions = z.strictObject({
  /** User that clients authenticate as. */
  username: z.string().min(1).default('discovery'),
  /** Their password; there is no default, because a known one is none. */
  password: z.string().min(8),
  /** Time between two looks for leases that ran out. */
  evictionInterval: durationOption().default(1_000),
  /** How long a change stays in the delta; clients must fetch more often. */
  deltaRetention: durationOption().default(180_000),
  /** Changes within this time are announced together. */
  announceDelay: durationOption().default(25),
  /** Instances at once; a registration above is answered 429. */
  maxInstances: z.int().min(1).default(10_000),
  /** Longest lease that an instance may ask for. */
  maxLease: durationOption().default(900_000),
  /** Clients that may listen for changes at once. */
  maxListeners: z.int().min(1).default(2_000),
  /** Keeps instances whose heartbeats went missing together, as after a network failure. */
  selfPreservation: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** The part of the fleet that must be missing together. */
      threshold: z.number().gt(0).max(1).default(0.15),
      /** Below this many instances every lease that runs out is evicted: one is a large part. */
      minInstances: z.int().min(1).default(10),
      /** After this time the missing are gone for good. */
      giveUpAfter: durationOption().default(900_000),
    })
    .prefault({}),
});

/** Validated `discoveryServer` namespace. */
export type DiscoveryServerOptions = z.output<typeof discoveryServerOptions>;

/** @throws InvalidOptionError */
export function readOptions(config: ConfigStore): DiscoveryServerOptions {
  return config.namespace('discoveryServer', discoveryServerOptions);
}
