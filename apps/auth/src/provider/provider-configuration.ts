import { errors, type Client, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import type { AuthServerOptions } from '../auth.options.js';
import { OPENID_SCOPES } from '../clients/client-metadata.js';
import type { ServerKeys } from '../keys/key.repository.js';
import { pageHeaders } from '../pages/page.js';
import { errorPage, logoutPage, signedOutPage } from '../pages/pages.js';
import type { User } from '../users/user.repository.js';
import { SqlAdapter, type SqlAdapterParts } from './sql-adapter.js';

/** What the provider's configuration is made of. */
export interface ProviderParts extends SqlAdapterParts {
  readonly issuer: string;
  /** What access tokens are for: the one API of the platform. */
  readonly audience: string;
  readonly options: AuthServerOptions;
  readonly keys: ServerKeys;
  readonly findUser: (id: string) => Promise<User | undefined>;
}

const ALGORITHM = 'ES256';

/**
 * The provider's whole configuration. Everything it would choose for development is set here: times
 * to live, pages, policies. Only what OAuth 2.1 keeps is switched on.
 */
export function providerConfiguration(parts: ProviderParts): Configuration {
  const { keys, options, issuer } = parts;
  const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1_000));
  return {
    adapter: (model: string) => new SqlAdapter(model, parts),
    jwks: { keys: [...keys.signing] },
    cookies: {
      keys: [...keys.cookies],
      long: { signed: true, httpOnly: true, sameSite: 'lax', path: '/' },
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    scopes: [...OPENID_SCOPES],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'roles'] },
    // Applications get the profile with the ID token; access tokens are for the API alone.
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    pkce: { required: () => true },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: ALGORITHM,
      token_endpoint_auth_method: 'client_secret_basic',
    },
    enabledJWA: { idTokenSigningAlgValues: [ALGORITHM] },
    extraClientMetadata: { properties: ['api_scopes'] },
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    clientBasedCORS: (_ctx, origin, client) =>
      client.clientAuthMethod === 'none' &&
      (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin),
    findAccount: async (_ctx, id) => {
      const user = await parts.findUser(id);
      return (
        user && {
          accountId: user.id,
          claims: () => ({
            sub: user.id,
            name: user.name,
            preferred_username: user.username,
            roles: [...user.roles],
          }),
        }
      );
    },
    extraTokenClaims: async (_ctx, token) => {
      if (token.kind !== 'AccessToken') return undefined;
      const user = await parts.findUser(token.accountId);
      return { roles: [...(user?.roles ?? [])] };
    },
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has('offline_access'),
    expiresWithSession: (_ctx, source) => !source.scopes.has('offline_access'),
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    interactions: { url: (_ctx, { uid }) => new URL(`/interaction/${uid}`, issuer).href },
    ttl: {
      AccessToken: seconds(options.accessTokenTtl),
      ClientCredentials: seconds(options.accessTokenTtl),
      AuthorizationCode: 60,
      IdToken: 300,
      Interaction: seconds(options.interactionTtl),
      Session: seconds(options.sessionTtl),
      Grant: seconds(options.refreshTokenTtl),
      // A renewed token ends when the first one would have: a chain has an absolute end.
      RefreshToken: (ctx) =>
        ctx?.oidc.entities.RotatedRefreshToken?.remainingTTL ?? seconds(options.refreshTokenTtl),
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      // Services here take tokens as bearers: a token bound to a key would lose its binding.
      dPoP: { enabled: false },
      userinfo: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => parts.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, client) => {
          if (resource !== parts.audience) throw new errors.InvalidTarget();
          const allowed = apiScopesOf(client);
          narrowScope(ctx, allowed, client.scope ?? '');
          return {
            scope: allowed,
            audience: parts.audience,
            accessTokenFormat: 'jwt',
            accessTokenTTL: seconds(options.accessTokenTtl),
            jwt: { sign: { alg: ALGORITHM } },
          };
        },
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx) => {
          const { secret: xsrf } = ctx.oidc.session!.state as { secret: string };
          show(ctx, logoutPage(ctx.oidc.urlFor('end_session_confirm'), xsrf), [
            originOf(ctx.oidc.params?.['post_logout_redirect_uri']),
          ]);
        },
        postLogoutSuccessSource: (ctx) => show(ctx, signedOutPage()),
      },
    },
    renderError: (ctx, out) => {
      const detail = out.error_description ?? 'The request cannot be answered.';
      show(ctx, errorPage('Sign-in stopped', detail, out.error));
    },
  };
}

/**
 * A service that names no scope gets all that its client may have; a scope that the client may not
 * have is refused instead of silently left out, which would surface later as a puzzling 403.
 */
function narrowScope(ctx: KoaContextWithOIDC, allowed: string, openid: string): void {
  const params = ctx.oidc.params as { scope?: string; grant_type?: string } | undefined;
  if (params === undefined) return;
  if (params.scope === undefined) {
    if (params.grant_type === 'client_credentials' && allowed !== '') params.scope = allowed;
    return;
  }
  const known = new Set([...allowed.split(' '), ...openid.split(' ')]);
  const wrong = params.scope.split(' ').find((scope) => !known.has(scope));
  if (wrong !== undefined) {
    throw new errors.InvalidScope('requested scope is not allowed', wrong);
  }
}

function show(
  ctx: KoaContextWithOIDC,
  page: string,
  formTargets: (string | undefined)[] = [],
): void {
  const targets = formTargets.filter((target) => target !== undefined);
  for (const [name, value] of Object.entries(pageHeaders(targets))) ctx.set(name, value);
  ctx.body = page;
}

function apiScopesOf(client: Client): string {
  const scopes = client['api_scopes'];
  return typeof scopes === 'string' ? scopes : '';
}

/** What `form-action` must name so that a form may end there; for custom schemes the scheme. */
export function originOf(uri: unknown): string | undefined {
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (url === null) return undefined;
  return url.origin === 'null' ? url.protocol : url.origin;
}
