import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { systemClock, type Principal } from '@rookery/core';
import { KeyObject } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { Strategy } from 'passport-jwt';
import { setPrincipal } from '../guard/request-principal.js';
import { UnauthorizedError } from '../security.errors.js';
import { bearerToken, type TokenCarrier } from '../token/bearer-token.js';
import { CLOCK_SKEW_S, principalFrom } from '../token/claims.js';
import { TokenVerifier } from '../token/token-verifier.js';

interface PassportRequest {
  readonly raw?: TokenCarrier;
}

/**
 * passport-jwt over the platform's keys, for teams whose code is built on passport. Passport itself
 * accepts tokens without `exp` or `sub`, ID tokens, and tokens from the future; `validate` refuses
 * them. Provide it in a module and use {@link JwtGuard}, or Nest's `AuthGuard('jwt')`.
 *
 * The global guard of the platform needs none of this, and is faster.
 */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(verifier: TokenVerifier) {
    super({
      jwtFromRequest: (request: unknown) => bearerToken(carrierOf(request)) ?? null,
      secretOrKeyProvider: (_request: unknown, token: string, done: KeyCallback) => {
        provideKey(verifier, token, done);
      },
      issuer: verifier.issuer,
      audience: verifier.audience,
      algorithms: verifier.algorithms as never,
      jsonWebTokenOptions: { clockTolerance: CLOCK_SKEW_S },
      passReqToCallback: true,
    } as never);
  }

  /** Called by passport with a payload whose signature, issuer and audience hold. */
  validate(request: unknown, payload: Record<string, unknown>): Principal {
    const token = bearerToken(carrierOf(request))!;
    return principalFrom(decodeProtectedHeader(token), payload, token, systemClock.now());
  }
}

type KeyCallback = (error: unknown, key?: KeyObject) => void;

/** Passport's protocol: a callback, called once. */
function provideKey(verifier: TokenVerifier, token: string, done: KeyCallback): void {
  const result = keyOf(verifier, token);
  result.then(done.bind(undefined, null), done);
}

async function keyOf(verifier: TokenVerifier, token: string): Promise<KeyObject> {
  const header = decodeProtectedHeader(token);
  if (!verifier.algorithms.includes(header.alg ?? '')) throw new Error('algorithm not accepted');
  const jws = token.split('.') as [string, string, string];
  const [protectedPart, payload, signature] = jws;
  const key = await verifier.keys.resolve(header, {
    protected: protectedPart,
    payload,
    signature,
  });
  return KeyObject.from(key);
}

/**
 * Runs the {@link JwtStrategy} of this application. Unlike `AuthGuard('jwt')` it does not look the
 * strategy up in passport's one registry per process, which apps that share a process would
 * overwrite for each other, and it answers with a challenge.
 */
@Injectable()
export class JwtGuard implements CanActivate {
  constructor(private readonly strategy: JwtStrategy) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<object>();
    setPrincipal(request, await authenticate(this.strategy, request));
    return true;
  }
}

/** Passport's protocol: the outcome is whichever of these methods the strategy calls. */
function authenticate(strategy: JwtStrategy, request: object): Promise<Principal> {
  return new Promise((resolve, reject) => {
    const run = Object.create(strategy) as Record<string, unknown> & {
      authenticate(request: object, options: object): void;
    };
    run['success'] = resolve;
    run['error'] = reject;
    run['fail'] = (info: unknown) => reject(refusal(info));
    run.authenticate(request, {});
  });
}

function refusal(info: unknown): Error {
  const message = info instanceof Error ? info.message : '';
  if (message === 'No auth token') {
    return new UnauthorizedError('missing', 'a bearer token is needed');
  }
  return info instanceof Error && 'headers' in info
    ? info
    : new UnauthorizedError('invalid', 'the token cannot be verified', info);
}

function carrierOf(request: unknown): TokenCarrier {
  return ((request as PassportRequest).raw ?? request) as TokenCarrier;
}
