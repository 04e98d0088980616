/** Scopes that OpenID Connect itself defines; all others are scopes of the API. */
export const OPENID_SCOPES: readonly string[] = ['openid', 'profile', 'offline_access'];

/** Stands for every API scope that the server knows. */
export const ALL_SCOPES = '*';

/** A client as it is stored. */
export interface StoredClient {
  readonly id: string;
  readonly name: string;
  readonly secret_hash: string | null;
  readonly grants: readonly string[];
  readonly scopes: readonly string[];
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris: readonly string[];
}

/** A client as the provider wants it (RFC 7591 names, plus `api_scopes`). */
export function clientMetadata(
  client: StoredClient,
  knownScopes: readonly string[],
): Record<string, unknown> {
  const secret = client.secret_hash;
  const openid = client.scopes.filter((scope) => OPENID_SCOPES.includes(scope));
  return {
    client_id: client.id,
    client_name: client.name,
    // The provider hands this to our own comparison, which knows that it is a hash.
    ...(secret === null ? {} : { client_secret: secret }),
    token_endpoint_auth_method: secret === null ? 'none' : 'client_secret_basic',
    application_type: client.redirect_uris.some(isLoopback) ? 'native' : 'web',
    grant_types: [...client.grants],
    response_types: client.grants.includes('authorization_code') ? ['code'] : [],
    redirect_uris: [...client.redirect_uris],
    post_logout_redirect_uris: [...client.post_logout_redirect_uris],
    ...(openid.length === 0 ? {} : { scope: openid.join(' ') }),
    api_scopes: apiScopes(client, knownScopes).join(' '),
  };
}

function apiScopes({ scopes }: StoredClient, known: readonly string[]): string[] {
  const own = scopes.filter((scope) => !OPENID_SCOPES.includes(scope) && scope !== ALL_SCOPES);
  return [...new Set(scopes.includes(ALL_SCOPES) ? [...own, ...known] : own)].sort();
}

/** RFC 8252 section 7.3: loopback redirects of native apps match with any port. */
function isLoopback(uri: string): boolean {
  const host = URL.parse(uri)?.hostname;
  return (
    uri.startsWith('http:') && (host === '127.0.0.1' || host === '[::1]' || host === 'localhost')
  );
}
