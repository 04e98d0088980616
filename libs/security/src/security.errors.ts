import { RookeryError } from '@rookery/core';

const REALM = 'Bearer realm="rookery"';

/** Why a request has no principal. */
export type UnauthorizedReason = 'missing' | 'invalid' | 'expired';

/**
 * The request carries no token, or one that does not hold. `headers` is the RFC 6750 challenge that
 * an HTTP server must send with it.
 */
export class UnauthorizedError extends RookeryError {
  override readonly code = 'RKY_SEC_UNAUTHORIZED';
  override readonly status = 401;
  override readonly title = 'Unauthorized';
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly reason: UnauthorizedReason,
    /** Safe to show: says which check failed, never what the token holds. */
    description: string,
    cause?: unknown,
  ) {
    super(description, { cause });
    // RFC 6750 section 3.1: a request without any credentials gets no error code.
    this.headers = {
      'www-authenticate':
        reason === 'missing'
          ? REALM
          : `${REALM}, error="invalid_token", error_description="${description}"`,
    };
  }
}

/** The request carries a token in more than one way, or where tokens do not belong. */
export class TokenRequestError extends RookeryError {
  override readonly code = 'RKY_SEC_TOKEN_REQUEST';
  override readonly status = 400;
  override readonly title = 'Malformed authorization';
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(description: string) {
    super(description);
    this.headers = {
      'www-authenticate': `${REALM}, error="invalid_request", error_description="${description}"`,
    };
  }
}

/** The token holds, but does not allow this. */
export class ForbiddenError extends RookeryError {
  override readonly code = 'RKY_SEC_FORBIDDEN';
  override readonly status = 403;
  override readonly title = 'Forbidden';
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>>;

  /** @param scopes the scopes that the operation needs; named in the challenge */
  constructor(description: string, scopes: readonly string[] = []) {
    super(description, scopes.length === 0 ? {} : { details: { requiredScopes: [...scopes] } });
    const scope = scopes.length === 0 ? '' : `, scope="${scopes.join(' ')}"`;
    this.headers = {
      'www-authenticate': `${REALM}, error="insufficient_scope"${scope}`,
    };
  }
}

/** The issuer's keys were never loaded, or are too old to trust: no token can be judged. */
export class KeysUnavailableError extends RookeryError {
  override readonly code = 'RKY_SEC_KEYS_UNAVAILABLE';
  override readonly status = 503;
  override readonly title = 'Tokens cannot be verified now';
  override readonly retryable = true;
  /** Response headers that go with this error. */
  readonly headers: Readonly<Record<string, string>> = { 'retry-after': '2' };

  constructor(issuer: string, cause?: unknown) {
    super(`the signing keys of ${issuer} cannot be had`, { cause });
  }
}

/** The issuer gave this service no token of its own. */
export class ServiceTokenError extends RookeryError {
  override readonly code = 'RKY_SEC_SERVICE_TOKEN';
  override readonly status = 503;
  override readonly title = 'No service token';
  override readonly retryable = true;
}
