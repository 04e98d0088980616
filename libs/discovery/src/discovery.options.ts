import { durationOption } from '@rookery/core';
import { z } from 'zod';

/** A registry's address; user and password may stand in it. */
const registryUrl = z.url({ protocol: /^https?$/ });

const instanceAddress = z.url({ protocol: /^https?$/, error: 'expected http://host:port' });

/** Schema of the namespace `discovery`. */
export const discoverySchema = z
  .strictObject({
    /** Eureka servers with their context path, comma-separated; the first that answers is used. */
    url: z
      .string()
      .transform((text) => text.split(',').map((each) => each.trim().replace(/\/+$/, '')))
      .pipe(z.array(registryUrl).min(1).max(8))
      .optional(),
    /** Fixed instances by service id, instead of a registry: `{ inventory: ['http://10.0.0.7:8082'] }`. */
    instances: z.record(z.string(), z.array(instanceAddress)).optional(),
    /** Whether to register this service. */
    register: z.boolean().default(true),
    /** Time between heartbeats. Default: 5s in development, else 30s. */
    heartbeat: durationOption()
      .refine((ms) => ms >= 1_000, 'expected at least 1s')
      .optional(),
    /** How long the registry keeps an instance that sends no heartbeat. Default: 3 heartbeats. */
    lease: durationOption()
      .refine((ms) => ms >= 2_000, 'expected at least 2s')
      .optional(),
    /** Time between fetches while the registry does not push. Default: 1s in development, else 5s. */
    fetchInterval: durationOption()
      .refine((ms) => ms >= 100, 'expected at least 100ms')
      .optional(),
    /** Whether to listen for pushed changes, where the registry offers that. */
    push: z.boolean().default(true),
    /** How long one request to the registry may take. */
    timeout: durationOption().default(3_000),
    /** What this instance says of itself. */
    instance: z
      .strictObject({
        /** Where others reach it. Default: the address it listens on, or the machine's first. */
        host: z.string().min(1).optional(),
        /** Default: the port it listens on. */
        port: z.int().min(1).max(65_535).optional(),
        secure: z.boolean().default(false),
        metadata: z.record(z.string(), z.string()).default({}),
      })
      .prefault({}),
    loadBalancer: z
      .strictObject({
        strategy: z.enum(['round-robin', 'least-loaded']).default('round-robin'),
        /** How long an instance that could not be reached is passed over; doubles each time. */
        ejection: durationOption().default(1_000),
        maxEjection: durationOption().default(30_000),
      })
      .prefault({}),
  })
  .refine(({ url, instances }) => url === undefined || instances === undefined, {
    path: ['instances'],
    message: 'expected either a url or fixed instances',
  })
  .prefault({});

/** The namespace `discovery`. */
export type DiscoverySettings = z.output<typeof discoverySchema>;

/** {@link DiscoverySettings} with the times that depend on the profile filled in. */
export interface DiscoveryTimes {
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly fetchIntervalMs: number;
}

/** In development a killed service shall be noticed while one looks. */
export function timesOf(settings: DiscoverySettings, development: boolean): DiscoveryTimes {
  const heartbeatMs = settings.heartbeat ?? (development ? 5_000 : 30_000);
  return {
    heartbeatMs,
    leaseMs: settings.lease ?? 3 * heartbeatMs,
    fetchIntervalMs: settings.fetchInterval ?? (development ? 1_000 : 5_000),
  };
}
