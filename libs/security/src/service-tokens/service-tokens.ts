import type { Clock, Random } from '@rookery/core';
import { fetchJson, type Fetch } from '../keys/fetch-json.js';
import type { IssuerMetadata } from '../keys/issuer-metadata.js';
import { LruMap } from '../lru-map.js';
import { ServiceTokenError } from '../security.errors.js';

/** Who the service is to the issuer, and how it asks. */
export interface ServiceTokensOptions {
  readonly metadata: IssuerMetadata;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  /** Resource that tokens are for unless a call names another. */
  readonly audience: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
}

interface Held {
  token?: string;
  /** On the monotonic clock, like all times here. */
  refreshAt: number;
  expiresAt: number;
  failures: number;
  retryAt: number;
  lastError?: unknown;
  asking?: Promise<string>;
}

/** Share of a token's life after which the next one is asked for. */
const REFRESH_AT = 0.8;
/** A token this close to its end is not handed out: it must still hold when it arrives. */
const MARGIN_MS = 5_000;
const RETRY_MS = { first: 500, longest: 15_000 };

/**
 * Tokens with which the service speaks for itself (OAuth 2.0 client credentials), kept per audience
 * and scope. Asked for once however many callers wait, renewed in the background at 80 % of their
 * life, and used to their end while the issuer is down.
 */
export class ServiceTokens {
  readonly #held = new LruMap<string, Held>(256);

  constructor(private readonly options: ServiceTokensOptions) {}

  /**
   * A token for an audience.
   *
   * @param audience default: the platform's (`auth.audience`)
   * @param scope space separated; default: all that the client may have
   * @throws ServiceTokenError when the issuer gives none and none is left
   */
  async tokenFor(audience = this.options.audience, scope?: string): Promise<string> {
    const held = this.#heldFor(`${audience}\n${scope ?? ''}`);
    const now = this.options.clock.monotonic();
    if (held.token !== undefined && now < held.expiresAt - MARGIN_MS) {
      // A failed renewal is no failure of this call: the token in hand still holds.
      if (now >= held.refreshAt) this.#ask(held, audience, scope).catch(() => {});
      return held.token;
    }
    return this.#ask(held, audience, scope);
  }

  #heldFor(key: string): Held {
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const held: Held = { refreshAt: 0, expiresAt: 0, failures: 0, retryAt: 0 };
    this.#held.set(key, held);
    return held;
  }

  #ask(held: Held, audience: string, scope: string | undefined): Promise<string> {
    if (held.asking !== undefined) return held.asking;
    const { clock } = this.options;
    if (clock.monotonic() < held.retryAt) {
      const refusal = new ServiceTokenError('the issuer gave no token a moment ago', {
        cause: held.lastError,
      });
      return Promise.reject(refusal);
    }
    held.asking = this.#request(audience, scope)
      .then(
        ({ token, lifeMs }) => {
          const now = clock.monotonic();
          // Jitter: the instances of a service must not all ask in the same moment.
          const share = REFRESH_AT - 0.05 * this.options.random();
          held.token = token;
          held.refreshAt = now + lifeMs * share;
          held.expiresAt = now + lifeMs;
          held.failures = 0;
          return token;
        },
        (error: unknown) => {
          const pause = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** held.failures++);
          held.retryAt = clock.monotonic() + pause;
          held.lastError = error;
          throw error;
        },
      )
      .finally(() => delete held.asking);
    return held.asking;
  }

  async #request(
    audience: string,
    scope: string | undefined,
  ): Promise<{ token: string; lifeMs: number }> {
    const { clientId, clientSecret, metadata, fetch, clock, timeoutMs } = this.options;
    if (clientId === undefined || clientSecret === undefined) {
      throw new ServiceTokenError('auth.clientId and auth.clientSecret are not configured');
    }
    const { status, body } = await this.#post(async () => {
      const { tokenEndpoint } = await metadata.get();
      if (tokenEndpoint === undefined) throw new Error('the issuer names no token_endpoint');
      const form = new URLSearchParams({ grant_type: 'client_credentials', resource: audience });
      if (scope !== undefined) form.set('scope', scope);
      const init = {
        method: 'POST',
        headers: {
          authorization: basic(clientId, clientSecret),
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: form.toString(),
      };
      return fetchJson(tokenEndpoint, { fetch, clock, timeoutMs, init });
    });
    const token = body?.['access_token'];
    const seconds = body?.['expires_in'];
    if (status !== 200 || typeof token !== 'string') {
      const reason = typeof body?.['error'] === 'string' ? ` (${body['error']})` : '';
      throw new ServiceTokenError(`the issuer answered ${status}${reason}`);
    }
    return { token, lifeMs: (typeof seconds === 'number' ? seconds : 60) * 1_000 };
  }

  async #post<T>(exchange: () => Promise<T>): Promise<T> {
    try {
      return await exchange();
    } catch (error) {
      this.options.metadata.forget();
      throw new ServiceTokenError('the issuer cannot be reached', { cause: error });
    }
  }
}

/** RFC 6749 section 2.3.1: both parts form-encoded before they are joined. */
function basic(id: string, secret: string): string {
  const encode = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+');
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}
