import {
  AbortedError,
  InvalidOptionError,
  systemClock,
  systemRandom,
  type Cancel,
  type Clock,
  type Environment,
  type Random,
} from '@rookery/core';
import type { z } from 'zod';
import { bind, sourceOf, type Bound } from '../binding/bind.js';
import { ConfigRejectedError } from '../config.errors.js';
import { configOptions } from '../config.options.js';
import { flatten, type PropertySource } from '../property-source/property-source.js';
import { changedKeys, createSnapshot, type ConfigSnapshot } from './config-snapshot.js';
import { stderrLog, type ConfigLog } from './config-log.js';

/** Reads the sources anew; `undefined` when they have not changed since the last time. */
export type SourceLoader = (signal: AbortSignal) => Promise<readonly PropertySource[] | undefined>;

/** What a {@link ConfigStore} is made of. */
export interface ConfigStoreParts {
  readonly app: string;
  readonly profiles: readonly string[];
  readonly environment: Environment;
  readonly sources: readonly PropertySource[];
  /** Absent: the configuration never changes. */
  readonly reload?: SourceLoader | undefined;
  /** Tells when to reload, besides the regular refresh, until the signal aborts. */
  readonly follow?: ((onRevision: () => void, signal: AbortSignal) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: ConfigLog | undefined;
}

/** What a refresh changed. */
export interface ConfigChange {
  readonly revision: string;
  /** Flat keys whose value differs, sorted: `resilience.circuitbreaker.configs.default.…`. */
  readonly keys: readonly string[];
}

/** A validated namespace that follows the configuration. */
export interface ConfigRef<T> {
  /** The value in force now; the same frozen object until it changes. */
  readonly value: T;
  /** Calls `listener` after each change of this namespace, until the returned function is called. */
  onChange(listener: (value: T, previous: T) => void): () => void;
}

interface Binding {
  readonly path: string;
  readonly schema: z.ZodType;
  bound: Bound<unknown>;
  readonly listeners: Set<(value: unknown, previous: unknown) => void>;
}

/** Schemas made anew on each call would pile up here; no service declares this many. */
const MAX_BINDINGS = 512;

/**
 * The configuration of one service: an immutable snapshot, bound to schemas on demand, replaced as
 * a whole by a refresh or not at all. Injectable by its class.
 */
export class ConfigStore {
  readonly app: string;
  readonly profiles: readonly string[];
  readonly #environment: Environment;
  readonly #reload: SourceLoader | undefined;
  readonly #follow: ConfigStoreParts['follow'];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #bindings = new Map<string, Map<z.ZodType, Binding>>();
  readonly #listeners = new Set<(change: ConfigChange) => void>();
  readonly #closing = new AbortController();
  #log: ConfigLog;
  #snapshot: ConfigSnapshot;
  #count = 0;
  #refreshing: Promise<readonly string[]> | undefined;
  #cancelTimer: Cancel | undefined;
  #failure: Error | undefined;

  constructor(parts: ConfigStoreParts) {
    this.app = parts.app;
    this.profiles = parts.profiles;
    this.#environment = parts.environment;
    this.#reload = parts.reload;
    this.#follow = parts.follow;
    this.#clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? systemRandom;
    this.#log = parts.log ?? stderrLog;
    this.#snapshot = createSnapshot(parts.sources, parts.environment);
  }

  /** A store of fixed values, without files, server or process environment: for tests and tools. */
  static of(
    app: string,
    values: Readonly<Record<string, unknown>>,
    environment: Environment = {},
  ): ConfigStore {
    const profile = environment.ROOKERY_PROFILE ?? 'development';
    const source = { name: 'fixed values', properties: flatten(values, 'fixed values') };
    return new ConfigStore({ app, profiles: profile.split(','), environment, sources: [source] });
  }

  /** The active profiles as one text, `development` or `production,eu`. */
  get profile(): string {
    return this.profiles.join(',');
  }

  /** The snapshot in force: revision and values before environment variables. */
  get snapshot(): ConfigSnapshot {
    return this.#snapshot;
  }

  /** Why the last refresh failed or was refused; `undefined` while the last one went well. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * The namespace at `path`, environment variables laid over it, validated, defaults applied,
   * deep-frozen. The same object for the same path and schema until the configuration changes.
   *
   * @throws InvalidOptionError naming key, value, where it was set and what is allowed
   */
  namespace<S extends z.ZodType>(path: string, schema: S): z.output<S> {
    return this.#bind(path, schema).bound.value as z.output<S>;
  }

  /**
   * A live view of {@link namespace}, validated now.
   *
   * @throws InvalidOptionError as {@link namespace} does
   */
  ref<S extends z.ZodType>(path: string, schema: S): ConfigRef<z.output<S>> {
    const binding = this.#bind(path, schema);
    return {
      get value() {
        return binding.bound.value as z.output<S>;
      },
      onChange(listener) {
        const entry = listener as (value: unknown, previous: unknown) => void;
        binding.listeners.add(entry);
        return () => void binding.listeners.delete(entry);
      },
    };
  }

  /** Calls `listener` after each refresh that changed something, until the returned function. */
  onChange(listener: (change: ConfigChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Where a key's value was set: `environment PORT`, `config-server orders.yml:3`, a file. */
  provenance(key: string): string | undefined {
    const overlays: ReadonlyMap<string, string>[] = [];
    for (const { bound } of this.#all()) overlays.push(bound.fromEnvironment);
    return sourceOf(key, ...overlays, this.#snapshot.provenance);
  }

  /** Sends what the store tells from now on to the service's own logger. */
  logTo(log: ConfigLog): void {
    this.#log = log;
  }

  /**
   * Reads the sources again and, if all namespaces in use accept the result, puts it in force.
   * Concurrent calls share one run.
   *
   * @returns the flat keys that changed
   * @throws ConfigRejectedError when a namespace refuses the new values; the old ones stay
   * @throws ConfigServerError, ConfigDocumentError, PlaceholderError when there is nothing to judge
   * @throws AbortedError after {@link close}
   */
  refresh(): Promise<readonly string[]> {
    if (this.#closing.signal.aborted) {
      return Promise.reject(new AbortedError('config refresh', 'the store is closed'));
    }
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /**
   * Starts to refresh by itself, every `config.refreshInterval` and when the source tells of a
   * change, if it can change at all.
   */
  watch(): void {
    // What fails is told once and kept in `failure`.
    this.#follow?.(() => void this.refresh().catch(() => {}), this.#closing.signal);
    this.#scheduleRefresh();
  }

  #scheduleRefresh(): void {
    if (this.#reload === undefined || this.#cancelTimer !== undefined) return;
    const interval = this.#refreshInterval();
    if (interval === 0 || this.#closing.signal.aborted) return;
    // Instances started together must not ask together for ever.
    const jittered = interval * (0.9 + 0.2 * this.#random());
    this.#cancelTimer = this.#clock.after(jittered, () => {
      this.#cancelTimer = undefined;
      void this.refresh().then(
        () => this.#scheduleRefresh(),
        () => this.#scheduleRefresh(),
      );
    });
  }

  /** Ends refreshing and gives up one that runs. Values stay readable. */
  close(): void {
    this.#closing.abort();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#listeners.clear();
    for (const binding of this.#all()) binding.listeners.clear();
  }

  async #refresh(): Promise<readonly string[]> {
    try {
      const sources = await this.#reload?.(this.#closing.signal);
      const keys = sources === undefined ? [] : this.#apply(sources);
      if (this.#failure !== undefined) this.#log('info', 'configuration is current again');
      this.#failure = undefined;
      return keys;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      const isNews = this.#failure?.message !== failure.message;
      this.#failure = failure;
      if (isNews && !this.#closing.signal.aborted) {
        this.#log('warn', `configuration not refreshed: ${failure.message}`, { err: failure });
      }
      throw error;
    }
  }

  /** Binds everything to the candidate first, so that a refusal anywhere changes nothing. */
  #apply(sources: readonly PropertySource[]): readonly string[] {
    const candidate = createSnapshot(sources, this.#environment);
    if (candidate.revision === this.#snapshot.revision) return [];
    const problems: string[] = [];
    const rebound = new Map<Binding, Bound<unknown>>();
    for (const binding of this.#all()) {
      try {
        rebound.set(binding, this.#evaluate(candidate, binding.path, binding.schema));
      } catch (error) {
        if (!(error instanceof InvalidOptionError)) throw error;
        problems.push(...error.problems);
      }
    }
    if (problems.length > 0)
      throw new ConfigRejectedError(candidate.revision, [...new Set(problems)]);
    const keys = changedKeys(this.#snapshot.values, candidate.values);
    this.#snapshot = candidate;
    const moved: { binding: Binding; previous: unknown }[] = [];
    for (const [binding, bound] of rebound) {
      const previous = binding.bound.value;
      // An equal value keeps its identity, so that a cache keyed by it stays warm.
      if (changedKeys(previous, bound.value).length === 0) continue;
      binding.bound = bound;
      moved.push({ binding, previous });
    }
    this.#log('info', `configuration ${candidate.revision} in force`, { keys });
    for (const { binding, previous } of moved) {
      for (const listener of binding.listeners) {
        this.#notify(() => listener(binding.bound.value, previous));
      }
    }
    const change: ConfigChange = { revision: candidate.revision, keys };
    for (const listener of this.#listeners) this.#notify(() => listener(change));
    return keys;
  }

  /** The new values are in force already: one listener's failure must not hide them from others. */
  #notify(call: () => unknown): void {
    const report = (error: unknown): void =>
      this.#log('error', 'a configuration listener failed', { err: error });
    try {
      Promise.resolve(call()).catch(report);
    } catch (error) {
      report(error);
    }
  }

  #bind(path: string, schema: z.ZodType): Binding {
    const existing = this.#bindings.get(path)?.get(schema);
    if (existing !== undefined) return existing;
    if (this.#count >= MAX_BINDINGS) {
      throw new RangeError(
        `more than ${MAX_BINDINGS} configuration schemas, last for '${path}': ` +
          'declare each schema once, outside of the function that reads it',
      );
    }
    const bound = this.#evaluate(this.#snapshot, path, schema);
    const binding: Binding = { path, schema, bound, listeners: new Set() };
    const ofPath = this.#bindings.get(path) ?? new Map<z.ZodType, Binding>();
    this.#bindings.set(path, ofPath.set(schema, binding));
    this.#count++;
    return binding;
  }

  #evaluate(snapshot: ConfigSnapshot, path: string, schema: z.ZodType): Bound<unknown> {
    return bind({ app: this.app, snapshot, environment: this.#environment }, path, schema);
  }

  #refreshInterval(): number {
    const { refreshInterval } = this.namespace('config', configOptions);
    return refreshInterval ?? (this.profiles.includes('development') ? 10_000 : 30_000);
  }

  *#all(): Iterable<Binding> {
    for (const ofPath of this.#bindings.values()) yield* ofPath.values();
  }
}
