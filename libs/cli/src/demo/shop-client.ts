import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fetchToken } from '../run/demo-token.js';

/** Where the platform answers, and who asks. */
export interface ShopAddress {
  /** Base URL of the gateway. */
  readonly gateway: string;
  /** Issuer of tokens. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

/** An answer of the platform. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const ATTEMPTS = 60;
const PAUSE_MS = 500;
const REQUEST_TIMEOUT_MS = 10_000;
/** Well below the shortest life that a token has. */
const TOKEN_REUSE_MS = 60_000;
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * A well-behaved client of the example shop: it keeps a token, gives each request a deadline, and
 * repeats what failed for a reason that may pass. Orders carry an idempotency key, so that
 * repeating one cannot order twice.
 */
export class ShopClient {
  #token: { value: string; expiresAt: number } | undefined;
  /** How many requests had to be repeated. */
  repeats = 0;

  constructor(private readonly address: ShopAddress) {}

  get(path: string): Promise<Answer> {
    return this.#request('GET', path);
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.#request('PUT', path, body);
  }

  post(path: string, body?: unknown): Promise<Answer> {
    return this.#request('POST', path, body, { 'idempotency-key': randomUUID() });
  }

  async #request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(method, path, body, headers).catch(
        (error: unknown) => error as Error,
      );
      const passing = outcome instanceof Error || RETRYABLE.has(outcome.status);
      if (!passing) return outcome;
      if (attempt >= ATTEMPTS) {
        if (outcome instanceof Error) {
          throw new Error(`${method} ${path} failed ${attempt} times`, { cause: outcome });
        }
        return outcome;
      }
      this.repeats++;
      await pause(PAUSE_MS);
    }
  }

  async #attempt(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const response = await fetch(new URL(path, this.address.gateway), {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${await this.#accessToken()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  async #accessToken(): Promise<string> {
    if (this.#token !== undefined && Date.now() < this.#token.expiresAt) return this.#token.value;
    const value = await fetchToken(this.address);
    this.#token = { value, expiresAt: Date.now() + TOKEN_REUSE_MS };
    return this.#token.value;
  }
}
