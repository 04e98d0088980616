import type { Cancel, Clock } from '@rookery/core';
import { RegistryFullError } from '../discovery-server.errors.js';
import { ChangeLog } from './change-log.js';
import type {
  InstanceAction,
  InstanceDescription,
  InstanceStatus,
  RegisteredInstance,
} from './instance.js';
import { SelfPreservation, type SelfPreservationOptions } from './self-preservation.js';

/** Limits and intervals of a {@link Registry}, in milliseconds. */
export interface RegistryOptions {
  readonly evictionInterval: number;
  readonly deltaRetention: number;
  readonly announceDelay: number;
  readonly maxInstances: number;
  readonly maxLease: number;
  readonly selfPreservation: SelfPreservationOptions;
}

/** What a heartbeat is answered. */
export type Renewal =
  | { readonly outcome: 'renewed' }
  /** The client must register again: it is unknown, newer than what is known, or lost its override. */
  | { readonly outcome: 'unknown' }
  /** What is known here is newer than what the sender has. */
  | { readonly outcome: 'stale'; readonly instance: RegisteredInstance };

interface Lease {
  instance: RegisteredInstance;
  expiresAt: number;
}

/**
 * The instances of all applications, each held by a lease that it has to renew. Follows Netflix's
 * AbstractInstanceRegistry, except that a lease lasts as long as it says (there, by a documented
 * mistake, twice as long) and that eviction is not stopped by a single crash.
 */
export class Registry {
  readonly #apps = new Map<string, Map<string, Lease>>();
  readonly #overrides = new Map<string, InstanceStatus>();
  readonly #changes: ChangeLog;
  readonly #preservation: SelfPreservation;
  readonly #listeners = new Set<(version: number) => void>();
  #size = 0;
  #version = 1;
  #cancelEviction: Cancel | undefined;
  #cancelAnnouncement: Cancel | undefined;
  #closed = false;

  constructor(
    private readonly options: RegistryOptions,
    private readonly clock: Clock,
  ) {
    this.#changes = new ChangeLog(options.deltaRetention);
    this.#preservation = new SelfPreservation(options.selfPreservation);
  }

  /** Counts changes; grows with each. */
  get version(): number {
    return this.#version;
  }

  /** How many instances are registered. */
  get size(): number {
    return this.#size;
  }

  /** Since when leases that ran out are kept all the same; `undefined` while they are not. */
  get preservingSince(): number | undefined {
    return this.#preservation.since;
  }

  /** Starts to evict leases that run out. */
  start(): void {
    if (this.#closed || this.#cancelEviction !== undefined) return;
    this.#cancelEviction = this.clock.after(this.options.evictionInterval, () => {
      this.#cancelEviction = undefined;
      this.evict();
      this.start();
    });
  }

  /** Ends all timers. */
  close(): void {
    this.#closed = true;
    this.#cancelEviction?.();
    this.#cancelAnnouncement?.();
    this.#listeners.clear();
  }

  /** Calls `listener` soon after changes, once for those that come together. */
  onChange(listener: (version: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Applications with their instances, by name. */
  applications(): ReadonlyMap<string, readonly RegisteredInstance[]> {
    const names = [...this.#apps.keys()].sort();
    return new Map(names.map((name) => [name, this.application(name)]));
  }

  /** The instances of an application; empty when there is none. */
  application(app: string): readonly RegisteredInstance[] {
    return [...(this.#apps.get(app.toUpperCase())?.values() ?? [])].map(({ instance }) => instance);
  }

  /** An instance, by its application if that is known. */
  instance(id: string, app?: string): RegisteredInstance | undefined {
    if (app !== undefined) return this.#lease(app, id)?.instance;
    for (const leases of this.#apps.values()) {
      const lease = leases.get(id);
      if (lease !== undefined) return lease.instance;
    }
    return undefined;
  }

  /** What changed lately, oldest first; removed instances too. */
  delta(): RegisteredInstance[] {
    return this.#changes.recent(this.clock.now());
  }

  /**
   * Registers an instance, or registers it anew. What is known stays if it is newer than what comes.
   *
   * @throws RegistryFullError
   */
  register(description: InstanceDescription, isReplication = false): void {
    const { app, instanceId } = description;
    const existing = this.#lease(app, instanceId);
    if (existing === undefined && this.#size >= this.options.maxInstances) {
      throw new RegistryFullError(`${this.options.maxInstances} instances are registered`);
    }
    const known = existing?.instance;
    const isOutdated =
      known !== undefined && known.lastDirtyTimestamp > description.lastDirtyTimestamp;
    const current = isOutdated ? known : description;
    const key = `${app}/${instanceId}`;
    if (current.overriddenStatus !== 'UNKNOWN' && !this.#overrides.has(key)) {
      this.#overrides.set(key, current.overriddenStatus);
    }
    const status = this.#effectiveStatus(current, known, isReplication);
    const now = this.clock.now();
    const instance: RegisteredInstance = {
      ...current,
      overriddenStatus: this.#overrides.get(key) ?? current.overriddenStatus,
      status,
      lastUpdatedTimestamp: now,
      actionType: 'ADDED',
      lease: {
        registrationTimestamp: now,
        lastRenewalTimestamp: now,
        evictionTimestamp: 0,
        serviceUpTimestamp: known?.lease.serviceUpTimestamp || (status === 'UP' ? now : 0),
      },
    };
    this.#put(instance);
  }

  /**
   * A heartbeat.
   *
   * @param lastDirtyTimestamp of the sender's own description, if it says so
   */
  renew(app: string, id: string, lastDirtyTimestamp?: number, isReplication = false): Renewal {
    const lease = this.#lease(app, id);
    if (lease === undefined) return { outcome: 'unknown' };
    const status = this.#effectiveStatus(lease.instance, lease.instance, isReplication);
    // The override is gone and nobody knows the status: only the instance itself can say.
    if (status === 'UNKNOWN') return { outcome: 'unknown' };
    const now = this.clock.now();
    const times = { ...lease.instance.lease, lastRenewalTimestamp: now };
    lease.expiresAt = now + this.#durationMs(lease.instance);
    lease.instance = { ...lease.instance, lease: times };
    if (status !== lease.instance.status) this.#change(lease, { status }, 'MODIFIED');
    const known = lease.instance.lastDirtyTimestamp;
    if (lastDirtyTimestamp === undefined || lastDirtyTimestamp === known) {
      return { outcome: 'renewed' };
    }
    if (lastDirtyTimestamp > known) return { outcome: 'unknown' };
    return isReplication ? { outcome: 'stale', instance: lease.instance } : { outcome: 'renewed' };
  }

  /** Removes an instance. @returns false when it is unknown */
  cancel(app: string, id: string): boolean {
    return this.#remove(app, id, 0);
  }

  /** Sets a status that outlasts what the instance says of itself. @returns false when unknown */
  override(app: string, id: string, status: InstanceStatus, lastDirty?: number): boolean {
    const lease = this.#lease(app, id);
    if (lease === undefined) return false;
    this.#overrides.set(keyOf(lease.instance), status);
    this.#change(
      lease,
      { status, overriddenStatus: status, ...newerDirty(lease.instance, lastDirty) },
      'MODIFIED',
    );
    return true;
  }

  /**
   * Lifts an override. The instance has `status` from then on, or, without one, has to say it itself
   * by registering again.
   *
   * @returns false when it is unknown
   */
  liftOverride(app: string, id: string, status?: InstanceStatus, lastDirty?: number): boolean {
    const lease = this.#lease(app, id);
    if (lease === undefined) return false;
    if (!this.#overrides.delete(keyOf(lease.instance))) return true;
    this.#change(
      lease,
      {
        status: status ?? 'UNKNOWN',
        overriddenStatus: 'UNKNOWN',
        ...newerDirty(lease.instance, lastDirty),
      },
      'MODIFIED',
    );
    return true;
  }

  /** Adds metadata. @returns false when the instance is unknown */
  addMetadata(app: string, id: string, metadata: Readonly<Record<string, string>>): boolean {
    const lease = this.#lease(app, id);
    if (lease === undefined) return false;
    const merged = { ...lease.instance.metadata, ...metadata };
    this.#change(lease, { metadata: merged }, 'MODIFIED');
    return true;
  }

  /** Removes all instances whose lease ran out, unless too many are missing at once. */
  evict(): void {
    const now = this.clock.now();
    const missing: RegisteredInstance[] = [];
    for (const leases of this.#apps.values()) {
      for (const { instance, expiresAt } of leases.values()) {
        if (expiresAt <= now) missing.push(instance);
      }
    }
    if (!this.#preservation.mayEvict(missing.length, this.#size, now)) return;
    for (const { app, instanceId } of missing) this.#remove(app, instanceId, now);
  }

  /** Netflix's rules, first match: not ready speaks for itself, then the override, then what was. */
  #effectiveStatus(
    described: InstanceDescription,
    known: RegisteredInstance | undefined,
    isReplication: boolean,
  ): InstanceStatus {
    const { status } = described;
    if (status !== 'UP' && status !== 'OUT_OF_SERVICE') return status;
    const override = this.#overrides.get(keyOf(described));
    if (override !== undefined) return override;
    const before = isReplication ? undefined : known?.status;
    return before === 'UP' || before === 'OUT_OF_SERVICE' ? before : status;
  }

  #put(instance: RegisteredInstance): void {
    const leases = this.#apps.get(instance.app) ?? new Map<string, Lease>();
    if (!leases.has(instance.instanceId)) this.#size++;
    const expiresAt = this.clock.now() + this.#durationMs(instance);
    leases.set(instance.instanceId, { instance, expiresAt });
    this.#apps.set(instance.app, leases);
    this.#record(instance);
  }

  #change(lease: Lease, change: Partial<RegisteredInstance>, actionType: InstanceAction): void {
    const now = this.clock.now();
    const times = lease.instance.lease;
    const isFirstUp = change.status === 'UP' && times.serviceUpTimestamp === 0;
    lease.instance = {
      ...lease.instance,
      ...change,
      actionType,
      lastUpdatedTimestamp: now,
      lease: isFirstUp ? { ...times, serviceUpTimestamp: now } : times,
    };
    this.#record(lease.instance);
  }

  #remove(app: string, id: string, evictedAt: number): boolean {
    const name = app.toUpperCase();
    const leases = this.#apps.get(name);
    const lease = leases?.get(id);
    if (leases === undefined || lease === undefined) return false;
    leases.delete(id);
    if (leases.size === 0) this.#apps.delete(name);
    this.#size--;
    this.#overrides.delete(keyOf(lease.instance));
    this.#change(
      lease,
      { lease: { ...lease.instance.lease, evictionTimestamp: evictedAt } },
      'DELETED',
    );
    return true;
  }

  #record(instance: RegisteredInstance): void {
    this.#version++;
    this.#changes.add(instance, this.clock.now());
    if (this.#closed) return;
    this.#cancelAnnouncement ??= this.clock.after(this.options.announceDelay, () => {
      this.#cancelAnnouncement = undefined;
      for (const listener of this.#listeners) listener(this.#version);
    });
  }

  #lease(app: string, id: string): Lease | undefined {
    return this.#apps.get(app.toUpperCase())?.get(id);
  }

  #durationMs({ durationInSecs }: InstanceDescription): number {
    return Math.min(durationInSecs * 1_000, this.options.maxLease);
  }
}

const keyOf = ({ app, instanceId }: InstanceDescription): string => `${app}/${instanceId}`;

function newerDirty(
  instance: RegisteredInstance,
  lastDirty: number | undefined,
): Partial<RegisteredInstance> {
  return lastDirty !== undefined && lastDirty > instance.lastDirtyTimestamp
    ? { lastDirtyTimestamp: lastDirty }
    : {};
}
