import type { Clock } from '@rookery/core';
import { fetchJson, type Fetch } from './fetch-json.js';

/** What is read of an issuer's metadata. */
export interface Metadata {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly tokenEndpoint: string | undefined;
}

/** Where and how the metadata is found. */
export interface IssuerMetadataOptions {
  /** The issuer identifier, exactly as tokens name it in `iss`. */
  readonly issuer: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/**
 * An issuer's endpoints, found through OpenID Connect Discovery 1.0 section 4 and kept until
 * {@link forget}. Callers that come while it is being loaded share the one request.
 */
export class IssuerMetadata {
  #loaded: Promise<Metadata> | undefined;

  constructor(private readonly options: IssuerMetadataOptions) {}

  get issuer(): string {
    return this.options.issuer;
  }

  /** @throws Error when the document cannot be had or belongs to another issuer */
  get(): Promise<Metadata> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  /** Loads it anew next time: after a failure the endpoints may have moved. */
  forget(): void {
    this.#loaded = undefined;
  }

  async #load(): Promise<Metadata> {
    const { issuer, fetch, clock, timeoutMs } = this.options;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const { status, body } = await fetchJson(url, { fetch, clock, timeoutMs });
    if (status !== 200 || body === undefined) {
      throw new Error(`${url} answered ${status}${body === undefined ? ' without JSON' : ''}`);
    }
    // Section 4.3: a document of another issuer must not be used, or that one could sign for ours.
    if (body['issuer'] !== issuer) {
      throw new Error(`${url} is the metadata of another issuer`);
    }
    return {
      issuer,
      jwksUri: endpoint(body, 'jwks_uri', url) ?? missing(url),
      tokenEndpoint: endpoint(body, 'token_endpoint', url),
    };
  }
}

function endpoint(
  body: Readonly<Record<string, unknown>>,
  name: string,
  url: string,
): string | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  const parsed = typeof value === 'string' ? URL.parse(value) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new Error(`${url} has a ${name} that is no http URL`);
  }
  return parsed.href;
}

function missing(url: string): never {
  throw new Error(`${url} names no jwks_uri`);
}
