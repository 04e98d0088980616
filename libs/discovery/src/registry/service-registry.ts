import type { ServiceInstance } from './service-instance.js';

/** How far a registry's view can be trusted. */
export interface RegistryFreshness {
  /** `stale`: the last view is kept because a newer one cannot be had. */
  readonly state: 'fresh' | 'stale';
  /** When the view was last confirmed, in ms since the epoch; `undefined` while it never was. */
  readonly confirmedAt: number | undefined;
  /** Why it is stale. */
  readonly problem?: string;
}

/** Services whose instances changed. */
export interface RegistryChange {
  readonly services: readonly string[];
}

/**
 * Where services find each other. Answers come from a view in memory that the adapter keeps
 * current, so that a call never waits for a registry, and an outage of it stops nothing.
 */
export abstract class ServiceRegistry {
  /** Instances of a service, of any status; empty when there is none. The id is not case-sensitive. */
  abstract instances(serviceId: string): readonly ServiceInstance[];
  /** Ids of all services that have instances. */
  abstract services(): readonly string[];
  /** Brings the view up to date now. @throws RegistryUnavailableError when that is not possible */
  abstract refresh(): Promise<void>;
  /** Calls `listener` after each change of the view, until the returned function is called. */
  abstract onChange(listener: (change: RegistryChange) => void): () => void;
  abstract get freshness(): RegistryFreshness;
}
