import type { Principal } from '@rookery/core';
import type { JWTHeaderParameters, JWTPayload } from 'jose';
import { UnauthorizedError } from '../security.errors.js';

/** How far the clocks of issuer and service may differ, in seconds. */
export const CLOCK_SKEW_S = 30;

/**
 * The checks that JWT libraries leave out or to options (RFC 9068 section 4): it is an access
 * token, it ends, it names whom and which client it is for, and it was not issued in the future.
 * Signature, algorithm, issuer and audience are checked before.
 *
 * @param nowMs milliseconds since the epoch
 * @throws UnauthorizedError
 */
export function principalFrom(
  header: Partial<JWTHeaderParameters>,
  claims: JWTPayload,
  token: string,
  nowMs: number,
): Principal {
  const now = nowMs / 1_000;
  // An ID token is signed by the same key for the same user: only `typ` keeps the two apart.
  const type = header.typ?.toLowerCase().replace(/^application\//, '');
  if (type !== 'at+jwt') throw refuse('the token is no access token (typ)');
  if (header.crit !== undefined) throw refuse('the token has critical extensions');
  const { exp, iat, sub } = claims;
  if (!isTime(exp)) throw refuse('the token has no exp');
  if (exp <= now - CLOCK_SKEW_S) {
    throw new UnauthorizedError('expired', 'the token has expired');
  }
  if (!isTime(iat)) throw refuse('the token has no iat');
  if (iat > now + CLOCK_SKEW_S) throw refuse('the token was issued in the future');
  if (!isName(sub)) throw refuse('the token has no sub');
  // RFC 9449, RFC 8705: a token bound to a key is worth nothing without the proof, and none is taken.
  if (claims['cnf'] !== undefined) throw refuse('the token is bound to a key (cnf)');
  const clientId = claims['client_id'];
  if (!isName(clientId)) throw refuse('the token has no client_id');
  return Object.freeze<Principal>({
    subject: sub,
    clientId,
    scopes: new Set(typeof claims['scope'] === 'string' ? words(claims['scope']) : []),
    roles: new Set(Array.isArray(claims['roles']) ? claims['roles'].filter(isName) : []),
    claims: Object.freeze({ ...claims }),
    token,
  });
}

function refuse(description: string): UnauthorizedError {
  return new UnauthorizedError('invalid', description);
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
