import { isRookeryError, systemClock, type Clock, type Principal } from '@rookery/core';
import { errors, jwtVerify } from 'jose';
import type { Fetch } from '../keys/fetch-json.js';
import { IssuerMetadata } from '../keys/issuer-metadata.js';
import { RemoteKeys, type KeySource } from '../keys/remote-keys.js';
import { LruMap } from '../lru-map.js';
import { tokenRejected } from '../security.channels.js';
import { UnauthorizedError } from '../security.errors.js';
import { CLOCK_SKEW_S, principalFrom } from './claims.js';

/** A longer token is refused unread: the largest we issue is far smaller, and parsing costs. */
const MAX_TOKEN_BYTES = 8_192;

/** Signature algorithms that are accepted unless configured: asymmetric ones only. */
export const DEFAULT_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;

/** What a {@link TokenVerifier} needs; {@link createTokenVerifier} finds the keys by itself. */
export interface TokenVerifierOptions {
  /** Issuer identifier, compared exactly with `iss`. */
  readonly issuer: string;
  /** What `aud` must contain. */
  readonly audience: string;
  readonly keys: KeySource;
  /** @default DEFAULT_ALGORITHMS */
  readonly algorithms?: readonly string[];
  /** Verified tokens remembered until they expire. @default 2000 */
  readonly cacheSize?: number;
  readonly clock?: Clock;
}

interface Verified {
  readonly principal: Principal;
  readonly untilMs: number;
  readonly revision: number;
}

/**
 * Verifies JWT access tokens (RFC 9068). A token that held once is remembered until it expires or
 * the issuer's keys change, because verifying a signature costs a hundred times a look-up.
 */
export class TokenVerifier {
  readonly #verified: LruMap<string, Verified>;
  readonly #clock: Clock;
  readonly algorithms: readonly string[];

  constructor(private readonly options: TokenVerifierOptions) {
    this.#verified = new LruMap(options.cacheSize ?? 2_000);
    this.#clock = options.clock ?? systemClock;
    this.algorithms = options.algorithms ?? DEFAULT_ALGORITHMS;
  }

  get issuer(): string {
    return this.options.issuer;
  }

  get audience(): string {
    return this.options.audience;
  }

  get keys(): KeySource {
    return this.options.keys;
  }

  /**
   * The principal that the token speaks for.
   *
   * @throws UnauthorizedError when the token does not hold
   * @throws KeysUnavailableError when the issuer's keys cannot be had, so that nobody can tell
   */
  async verify(token: string): Promise<Principal> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      const holds = known.revision === this.options.keys.revision;
      if (holds && known.untilMs > this.#clock.now()) return known.principal;
      this.#verified.delete(token);
    }
    try {
      const principal = await this.#verify(token);
      this.#verified.set(token, {
        principal,
        untilMs: (principal.claims['exp'] as number) * 1_000,
        revision: this.options.keys.revision,
      });
      return principal;
    } catch (error) {
      const refusal = isRookeryError(error) ? error : unauthorized(error);
      if (tokenRejected.hasSubscribers) {
        tokenRejected.publish({ issuer: this.issuer, reason: refusal.message });
      }
      throw refusal;
    }
  }

  async #verify(token: string): Promise<Principal> {
    if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) {
      throw new UnauthorizedError('invalid', `the token is longer than ${MAX_TOKEN_BYTES} bytes`);
    }
    const { issuer, audience, keys } = this.options;
    const now = this.#clock.now();
    const { payload, protectedHeader } = await jwtVerify(
      token,
      (header, jws) => keys.resolve(header, jws),
      {
        issuer,
        audience,
        algorithms: [...this.algorithms],
        clockTolerance: CLOCK_SKEW_S,
        currentDate: new Date(now),
      },
    );
    return principalFrom(protectedHeader, payload, token, now);
  }
}

/** How a verifier without Nest is made. */
export interface RemoteVerifierOptions extends Omit<TokenVerifierOptions, 'keys'> {
  /** Time for one fetch of metadata or keys. @default 5000 */
  readonly timeoutMs?: number;
  /** Age at which keys are fetched again. @default 600000 */
  readonly keysMaxAgeMs?: number;
  /** How much longer keys are used while the issuer does not answer. @default 86400000 */
  readonly staleIfErrorMs?: number;
  /** Reloads caused by unknown key ids: 4 at once, then one per 10 s, so 10 in a minute. */
  readonly missBudget?: { readonly burst: number; readonly refillMs: number };
  readonly fetch?: Fetch;
}

/** A {@link TokenVerifier} with the means to load its keys ahead and to let go of them. */
export interface RemoteVerifier {
  readonly verifier: TokenVerifier;
  readonly keys: RemoteKeys;
  readonly metadata: IssuerMetadata;
}

/** Builds a verifier and what it stands on; {@link createTokenVerifier} for the short form. */
export function createRemoteVerifier(options: RemoteVerifierOptions): RemoteVerifier {
  const { issuer, timeoutMs = 5_000, fetch = globalThis.fetch, clock = systemClock } = options;
  const metadata = new IssuerMetadata({ issuer, fetch, clock, timeoutMs });
  const keys = new RemoteKeys({
    metadata,
    fetch,
    clock,
    timeoutMs,
    maxAgeMs: options.keysMaxAgeMs ?? 600_000,
    staleIfErrorMs: options.staleIfErrorMs ?? 86_400_000,
    missBudget: options.missBudget ?? { burst: 4, refillMs: 10_000 },
  });
  return { verifier: new TokenVerifier({ ...options, keys, clock }), keys, metadata };
}

/**
 * A verifier that finds the issuer's keys through its discovery document, on the first token. The
 * issuer need not be up yet.
 */
export function createTokenVerifier(options: RemoteVerifierOptions): TokenVerifier {
  return createRemoteVerifier(options).verifier;
}

function unauthorized(error: unknown): UnauthorizedError {
  if (error instanceof errors.JWTExpired) {
    return new UnauthorizedError('expired', 'the token has expired', error);
  }
  const description =
    error instanceof errors.JWTClaimValidationFailed
      ? `the token's ${error.claim} does not hold`
      : error instanceof errors.JWKSNoMatchingKey ||
          error instanceof errors.JWSSignatureVerificationFailed
        ? 'the token is not signed by a key of the issuer'
        : 'the token cannot be verified';
  return new UnauthorizedError('invalid', description, error);
}
