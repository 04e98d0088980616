export { SecurityModule, type SecurityModuleOptions } from './security.module.js';
export { authSchema, DEVELOPMENT_ISSUER, type AuthOptions } from './security.options.js';
export {
  ForbiddenError,
  KeysUnavailableError,
  ServiceTokenError,
  TokenRequestError,
  UnauthorizedError,
  type UnauthorizedReason,
} from './security.errors.js';
export {
  accessDenied,
  tokenRejected,
  type AccessDenied,
  type TokenRejected,
} from './security.channels.js';
export {
  createRemoteVerifier,
  createTokenVerifier,
  DEFAULT_ALGORITHMS,
  TokenVerifier,
  type RemoteVerifier,
  type RemoteVerifierOptions,
  type TokenVerifierOptions,
} from './token/token-verifier.js';
export { bearerToken, type TokenCarrier } from './token/bearer-token.js';
export { CLOCK_SKEW_S } from './token/claims.js';
export { RemoteKeys, type KeySource, type RemoteKeysOptions } from './keys/remote-keys.js';
export {
  IssuerMetadata,
  type IssuerMetadataOptions,
  type Metadata,
} from './keys/issuer-metadata.js';
export type { ReloadBudgetOptions } from './keys/reload-budget.js';
export type { Fetch } from './keys/fetch-json.js';
export {
  CurrentUser,
  Public,
  PUBLIC_KEY,
  Roles,
  ROLES_KEY,
  Scopes,
  SCOPES_KEY,
} from './guard/access.decorator.js';
export { AccessGuard } from './guard/access.guard.js';
export { PrincipalInterceptor } from './guard/principal.interceptor.js';
export { principalOf, setPrincipal } from './guard/request-principal.js';
export { JwtGuard, JwtStrategy } from './passport/jwt.guard.js';
export { ServiceTokens, type ServiceTokensOptions } from './service-tokens/service-tokens.js';
export { BasicAuthGuard } from './basic-auth/basic-auth.guard.js';
export {
  BasicAuthError,
  matchesBasicAuth,
  type BasicCredentials,
} from './basic-auth/basic-auth.js';
