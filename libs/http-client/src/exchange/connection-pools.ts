import { Pool } from 'undici';
import type { HttpClientConfig } from '../http-client.options.js';

/** Kept-alive connections to instances, a bounded pool for each. */
export class ConnectionPools {
  /** In order of use, the longest unused first. */
  readonly #pools = new Map<string, Pool>();

  constructor(private readonly config: HttpClientConfig) {}

  /** The pool for an origin such as `http://10.0.0.7:8081`. */
  for(origin: string): Pool {
    const known = this.#pools.get(origin);
    if (known !== undefined) {
      this.#pools.delete(origin);
      this.#pools.set(origin, known);
      return known;
    }
    const { connectTimeout, maxConnections, keepAlive, timeout } = this.config;
    const pool = new Pool(origin, {
      connections: maxConnections,
      connect: { timeout: connectTimeout },
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAlive,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      pipelining: 1,
    });
    this.#pools.set(origin, pool);
    if (this.#pools.size > this.config.maxInstances) this.#closeOldest();
    return pool;
  }

  /** Closes all connections once their exchanges are over. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  #closeOldest(): void {
    const [oldest] = this.#pools;
    if (oldest === undefined) return;
    const [origin, pool] = oldest;
    this.#pools.delete(origin);
    // Waits for its exchanges; whether they succeed is their callers' concern.
    pool.close().catch(() => {});
  }
}
