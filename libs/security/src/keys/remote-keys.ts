import { AbortedError, type Clock } from '@rookery/core';
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';
import { LruMap } from '../lru-map.js';
import { KeysUnavailableError } from '../security.errors.js';
import { fetchJson, type Fetch } from './fetch-json.js';
import type { IssuerMetadata } from './issuer-metadata.js';
import { ReloadBudget, type ReloadBudgetOptions } from './reload-budget.js';

/** Where verification keys come from. */
export interface KeySource {
  /** Changes when a key was added or removed; what was verified before may not hold any more. */
  readonly revision: number;
  /**
   * The key that a token's header names.
   *
   * @throws errors.JWKSNoMatchingKey of jose, KeysUnavailableError
   */
  resolve(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
}

/** How {@link RemoteKeys} caches. */
export interface RemoteKeysOptions {
  readonly metadata: IssuerMetadata;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Time for one fetch. */
  readonly timeoutMs: number;
  /** A set older than this is fetched again in the background. */
  readonly maxAgeMs: number;
  /** While fetching fails, a set is used this much longer than `maxAgeMs`. */
  readonly staleIfErrorMs: number;
  readonly missBudget: ReloadBudgetOptions;
}

/** A key id longer than this is an attack, not a name. */
const MAX_KID = 256;
/** How many requests may wait for a reload that the budget postpones. */
const MAX_WAITING = 1_000;
/** First and longest pause between attempts while the issuer does not answer. */
const RETRY_MS = { first: 250, longest: 10_000 };

/**
 * The issuer's JWKS, cached.
 *
 * A token with an unknown key id makes the set load anew, because keys rotate; forged ids would
 * turn that into a flood towards the issuer, so such reloads have a budget. A request that finds
 * the budget spent waits for the next reload instead of being refused, so that a flood of forged
 * ids cannot lock out a freshly rotated, valid key.
 */
export class RemoteKeys implements KeySource {
  #keys: ReturnType<typeof createLocalJWKSet> | undefined;
  #fingerprint = '';
  #revision = 0;
  #loadedAt = 0;
  #failures = 0;
  #retryAt = 0;
  #loading: Promise<void> | undefined;
  #postponed: Promise<void> | undefined;
  #waiting = 0;
  readonly #budget: ReloadBudget;
  readonly #missing = new LruMap<string, number>(1_000);
  readonly #closed = new AbortController();

  constructor(private readonly options: RemoteKeysOptions) {
    this.#budget = new ReloadBudget(options.missBudget, options.clock);
  }

  get revision(): number {
    return this.#revision;
  }

  /** `empty` before the first load, `stale` when the last reloads failed. */
  get state(): 'empty' | 'fresh' | 'stale' {
    if (this.#keys === undefined) return 'empty';
    return this.#failures > 0 ? 'stale' : 'fresh';
  }

  /** Loads the set, trying again until it is there or the source is closed. */
  async warm(onFailure: (error: unknown) => void = () => {}): Promise<void> {
    const { clock } = this.options;
    while (this.#keys === undefined && !this.#closed.signal.aborted) {
      try {
        await this.#load();
      } catch (error) {
        onFailure(error);
        const pause = Math.max(0, this.#retryAt - clock.monotonic());
        await clock.sleep(pause, this.#closed.signal).catch(() => {});
      }
    }
  }

  async resolve(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    for (let reloads = 0; ; reloads++) {
      const keys = await this.#current();
      try {
        return await keys(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || reloads === 2) throw error;
        if (!(await this.#reloadFor(header.kid, reloads))) throw error;
      }
    }
  }

  close(): void {
    this.#closed.abort(new AbortedError('key source'));
  }

  async #current(): Promise<ReturnType<typeof createLocalJWKSet>> {
    const { clock, maxAgeMs, staleIfErrorMs, metadata } = this.options;
    const age = clock.monotonic() - this.#loadedAt;
    if (this.#keys !== undefined && age < maxAgeMs) return this.#keys;
    if (this.#keys !== undefined && age < maxAgeMs + staleIfErrorMs) {
      // The caller is answered from the old set; whether the reload works shows in the state.
      this.#load().catch(() => {});
      return this.#keys;
    }
    try {
      await this.#load();
    } catch (error) {
      throw new KeysUnavailableError(metadata.issuer, error);
    }
    return this.#keys!;
  }

  /** Whether the set was loaded since the caller looked, so that looking again makes sense. */
  async #reloadFor(kid: string | undefined, round: number): Promise<boolean> {
    const { clock, missBudget } = this.options;
    if (kid === undefined || kid.length > MAX_KID) return false;
    const missedAt = this.#missing.get(kid);
    if (missedAt !== undefined && clock.monotonic() - missedAt < missBudget.refillMs) return false;
    if (this.#waiting >= MAX_WAITING) return false;
    this.#waiting++;
    try {
      const running = this.#loading;
      await (running ?? this.#postponed ?? this.#budgeted());
      // A load that had begun before this token came may have missed its key: then one more round.
      if (running === undefined || round > 0) this.#missing.set(kid, clock.monotonic());
      return true;
    } catch {
      return false;
    } finally {
      this.#waiting--;
    }
  }

  #budgeted(): Promise<void> {
    const wait = this.#budget.take();
    if (wait === 0) return this.#load();
    this.#postponed = this.options.clock
      .sleep(wait, this.#closed.signal)
      .finally(() => (this.#postponed = undefined))
      .then(() => {
        this.#budget.take();
        return this.#load();
      });
    return this.#postponed;
  }

  #load(): Promise<void> {
    const { clock } = this.options;
    if (this.#loading === undefined && this.#failures > 0 && clock.monotonic() < this.#retryAt) {
      return Promise.reject(new Error('the last attempt failed a moment ago'));
    }
    this.#loading ??= this.#fetch().then(
      () => {
        this.#failures = 0;
        this.#loading = undefined;
      },
      (error: unknown) => {
        const pause = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** this.#failures++);
        this.#retryAt = clock.monotonic() + pause;
        this.#loading = undefined;
        this.options.metadata.forget();
        throw error;
      },
    );
    return this.#loading;
  }

  async #fetch(): Promise<void> {
    const { metadata, fetch, clock, timeoutMs } = this.options;
    const { jwksUri } = await metadata.get();
    const { status, body } = await fetchJson(jwksUri, { fetch, clock, timeoutMs });
    if (status !== 200 || body === undefined) throw new Error(`${jwksUri} answered ${status}`);
    const keys = createLocalJWKSet(body as unknown as JSONWebKeySet);
    const fingerprint = JSON.stringify(body['keys']);
    if (fingerprint !== this.#fingerprint) this.#revision++;
    this.#fingerprint = fingerprint;
    this.#keys = keys;
    this.#loadedAt = clock.monotonic();
  }
}
