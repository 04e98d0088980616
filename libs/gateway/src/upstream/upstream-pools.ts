import { Pool } from 'undici';
import { UpstreamBusyError } from '../gateway.errors.js';

/** How connections to upstreams are kept. Times in milliseconds. */
export interface UpstreamPoolsOptions {
  readonly connections: number;
  readonly maxWaiting: number;
  readonly connectTimeout: number;
  readonly idleTimeout: number;
}

interface Entry {
  readonly pool: Pool;
  inFlight: number;
}

/** Instances come and go; a pool of one that went is closed when so many others are in use. */
const MAX_POOLS = 256;
/** Shorter than the 65 s for which our own servers keep idle connections, so that we close first. */
const KEEP_ALIVE_MS = 30_000;
const MAX_HEADER_BYTES = 32_768;

/** Keep-alive connections to upstream instances: bounded per instance, and in how many wait. */
export class UpstreamPools {
  readonly #entries = new Map<string, Entry>();

  constructor(private readonly options: () => UpstreamPoolsOptions) {}

  /**
   * Runs a call with the pool of an origin.
   *
   * @throws UpstreamBusyError when too many calls wait for a connection already
   */
  async use<T>(origin: string, call: (pool: Pool) => Promise<T>): Promise<T> {
    const entry = this.#entry(origin);
    const { connections, maxWaiting } = this.options();
    if (entry.inFlight >= connections + maxWaiting) throw new UpstreamBusyError(origin);
    entry.inFlight++;
    try {
      return await call(entry.pool);
    } finally {
      entry.inFlight--;
    }
  }

  /** Ends all connections; calls in flight are cut off. */
  async close(): Promise<void> {
    const pools = [...this.#entries.values()].map(({ pool }) => pool);
    this.#entries.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  /** Lets new connections be made with the options of now. Calls in flight end as they are. */
  reset(): void {
    for (const [origin, { pool }] of this.#entries) {
      this.#entries.delete(origin);
      void pool.close();
    }
  }

  #entry(origin: string): Entry {
    const known = this.#entries.get(origin);
    if (known !== undefined) {
      this.#entries.delete(origin);
      this.#entries.set(origin, known);
      return known;
    }
    const { connections, connectTimeout, idleTimeout } = this.options();
    const pool = new Pool(origin, {
      connections,
      pipelining: 1,
      connect: { timeout: connectTimeout },
      // The time until an answer begins is the caller's to limit: it differs per route.
      headersTimeout: 0,
      bodyTimeout: idleTimeout,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    const entry = { pool, inFlight: 0 };
    this.#entries.set(origin, entry);
    this.#evict();
    return entry;
  }

  #evict(): void {
    if (this.#entries.size <= MAX_POOLS) return;
    const [origin, { pool }] = this.#entries.entries().next().value as [string, Entry];
    this.#entries.delete(origin);
    void pool.close();
  }
}
