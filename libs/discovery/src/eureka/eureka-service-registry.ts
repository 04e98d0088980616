import { backoffDelay, AbortedError, type Cancel, type Clock, type Random } from '@rookery/core';
import type { RegistryUnavailableError } from '../discovery.errors.js';
import { RegistryView } from '../registry/registry-view.js';
import type { ServiceInstance } from '../registry/service-instance.js';
import {
  ServiceRegistry,
  type RegistryChange,
  type RegistryFreshness,
} from '../registry/service-registry.js';
import type { EurekaClient } from './eureka-client.js';
import { hashOf, type Listing } from './instance-json.js';
import { RegistryPush } from './registry-push.js';

/** What a {@link EurekaServiceRegistry} is made of; times in milliseconds. */
export interface EurekaServiceRegistryOptions {
  readonly client: EurekaClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetchIntervalMs: number;
  /** Whether to listen for pushed changes. */
  readonly push: boolean;
  /** How long instances that a restarted registry does not know yet are kept. */
  readonly graceMs: number;
  /** Told when the registry cannot be reached any more (once per outage), and when it can again. */
  readonly report: (state: 'lost' | 'found', error?: RegistryUnavailableError) => void;
}

/** Pushes may be lost with the connection that carried them; this catches up. */
const PUSHED_FETCH_INTERVAL_MS = 30_000;
const BACKOFF = { initialMs: 500, maxMs: 30_000, spread: [0.5, 1.5] } as const;

/**
 * A view of an Eureka registry: fetched in full once, then by deltas that are checked against the
 * registry's hash, at once when the server pushes and at an interval when it does not. While the
 * registry is away the last view stays.
 */
export class EurekaServiceRegistry extends ServiceRegistry {
  readonly #view = new RegistryView();
  readonly #options: EurekaServiceRegistryOptions;
  readonly #push: RegistryPush | undefined;
  readonly #restartListeners = new Set<() => void>();
  #instances = new Map<string, ServiceInstance>();
  /** Instances the restarted registry does not list yet, and until when they are kept. */
  #grace: { readonly instances: Map<string, ServiceInstance>; readonly until: number } | undefined;
  /** Contact was lost: what answers next may be another process, which begins empty. */
  #suspicious = false;
  #fetched = false;
  #deltas = true;
  #fetching: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #problem: string | undefined;
  #confirmedAt: number | undefined;
  #cancelTimer: Cancel | undefined;
  #closed = false;

  constructor(options: EurekaServiceRegistryOptions) {
    super();
    this.#options = options;
    if (options.push) {
      this.#push = new RegistryPush({
        client: options.client,
        clock: options.clock,
        random: options.random,
        onChange: () => void this.#fetchSoon(),
        onLost: () => {
          this.#suspicious = true;
          void this.#fetchSoon();
        },
        onFound: (restarted) => {
          if (restarted) this.#restarted();
          else this.#trust();
          void this.#fetchSoon();
        },
      });
    }
  }

  instances(serviceId: string): readonly ServiceInstance[] {
    return this.#view.instances(serviceId);
  }

  services(): readonly string[] {
    return this.#view.services();
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    return this.#view.onChange(listener);
  }

  /** Calls `listener` when the registry restarted with an empty view: time to renew at once. */
  onRestart(listener: () => void): () => void {
    this.#restartListeners.add(listener);
    return () => void this.#restartListeners.delete(listener);
  }

  get freshness(): RegistryFreshness {
    const confirmedAt = this.#confirmedAt;
    if (this.#problem === undefined) {
      return { state: confirmedAt === undefined ? 'stale' : 'fresh', confirmedAt };
    }
    return { state: 'stale', confirmedAt, problem: this.#problem };
  }

  /** Fetches a first view and keeps it current from then on. Never rejects: an outage only waits. */
  async start(): Promise<void> {
    await this.#fetchSoon();
    this.#push?.start();
  }

  /** @throws RegistryUnavailableError */
  async refresh(): Promise<void> {
    if (this.#closed) throw new AbortedError('refresh of the registry view');
    // What runs may have been answered before the change that the caller wants to see.
    while (this.#fetching !== undefined) await this.#fetching.catch(() => {});
    return this.#fetch();
  }

  /** Ends timers and the stream. The last view stays readable. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#push?.close();
  }

  /** One fetch at a time; what is asked for meanwhile follows as one. */
  async #fetchSoon(): Promise<void> {
    if (this.#closed) return;
    if (this.#fetching === undefined) await this.#fetch().catch(() => {});
    else this.#again = true;
  }

  /** Whoever asked for a fetch, the next one follows: at once, at the interval, or after a pause. */
  #next(): void {
    const again = this.#again;
    this.#again = false;
    if (again && this.#failures === 0) void this.#fetchSoon();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#closed) return;
    const { clock, random, fetchIntervalMs } = this.#options;
    const pushed = this.#push?.connected === true;
    const interval = pushed ? Math.max(PUSHED_FETCH_INTERVAL_MS, fetchIntervalMs) : fetchIntervalMs;
    const graceMs = this.#grace === undefined ? Infinity : this.#grace.until - clock.monotonic();
    const delayMs =
      this.#failures === 0
        ? Math.min(interval, Math.max(0, graceMs))
        : backoffDelay(this.#failures, BACKOFF, random);
    this.#cancelTimer = clock.after(delayMs, () => void this.#fetchSoon());
  }

  #fetch(): Promise<void> {
    this.#cancelTimer?.();
    this.#fetching = this.#fetchOnce()
      .then(
        () => this.#succeeded(),
        (error: RegistryUnavailableError) => {
          this.#failed(error);
          throw error;
        },
      )
      .finally(() => {
        this.#fetching = undefined;
        this.#next();
      });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { client } = this.#options;
    if (this.#fetched && this.#deltas) {
      const delta = await client.fetchDelta();
      if (delta === undefined) this.#deltas = false;
      else if (this.#apply(delta)) return;
    }
    const all = await client.fetchAll();
    this.#instances = new Map(
      all.instances.map(({ instance }) => [keyOf(instance), instance] as const),
    );
    this.#fetched = true;
  }

  /** Whether the view, with the delta applied, is what the registry says it should be. */
  #apply({ instances, hash }: Listing): boolean {
    const next = new Map(this.#instances);
    for (const { instance, action } of instances) {
      const key = keyOf(instance);
      if (action === 'DELETED') {
        next.delete(key);
        this.#grace?.instances.delete(key);
      } else next.set(key, instance);
    }
    if (hash === undefined || hash !== hashOf(next.values())) return false;
    this.#instances = next;
    return true;
  }

  #succeeded(): void {
    if (this.#suspicious) this.#keepMissing();
    this.#confirmedAt = this.#options.clock.now();
    this.#failures = 0;
    if (this.#problem !== undefined) {
      this.#problem = undefined;
      this.#options.report('found');
    }
    this.#publish();
  }

  #failed(error: RegistryUnavailableError): void {
    this.#failures++;
    // Deltas reach back a limited time only.
    this.#fetched = false;
    this.#suspicious = true;
    if (this.#problem === undefined) this.#options.report('lost', error);
    this.#problem = error.message;
  }

  /** What a restarted registry has not heard of yet is not gone. */
  #keepMissing(): void {
    const { clock, graceMs } = this.#options;
    const instances = new Map(this.#view.all().map((each) => [keyOf(each), each] as const));
    this.#grace = { instances, until: clock.monotonic() + graceMs };
    this.#suspicious = false;
    this.#fetched = false;
  }

  #restarted(): void {
    this.#keepMissing();
    for (const listener of this.#restartListeners) listener();
  }

  /** It is the process it was: whatever it does not list is gone. */
  #trust(): void {
    this.#suspicious = false;
    this.#grace = undefined;
  }

  #publish(): void {
    if (this.#grace !== undefined && this.#options.clock.monotonic() >= this.#grace.until) {
      this.#grace = undefined;
    }
    const kept = this.#grace?.instances ?? new Map<string, ServiceInstance>();
    this.#view.replace(new Map([...kept, ...this.#instances]).values());
  }
}

function keyOf({ serviceId, instanceId }: ServiceInstance): string {
  return `${serviceId}/${instanceId}`;
}
