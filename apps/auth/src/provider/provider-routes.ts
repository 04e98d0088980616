import { isRookeryError, PROBLEM_JSON, problemOf } from '@rookery/core';
import { currentTraceId } from '@rookery/observability';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import type { AttemptLimiter } from '../login/attempt-limiter.js';
import { FRAME_HEADERS } from '../pages/page.js';

/** Everything that the provider answers. */
const PATHS = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/jwks',
  '/auth',
  '/auth/:uid',
  '/request',
  '/session/end',
  '/session/end/confirm',
  '/session/end/success',
];

/** Where clients show their secret. */
const SECRET_PATHS = ['/token', '/token/introspection', '/token/revocation'];

/** How long others may keep keys and metadata; new keys are published at least so long ahead. */
const PUBLIC_CACHE = 'public, max-age=300';
const CACHED_PATHS: ReadonlySet<string> = new Set(['/jwks', ...PATHS.slice(0, 2)]);

/** What the routes need. */
export interface ProviderRoutes {
  readonly provider: Provider;
  readonly issuer: string;
  readonly limiter: AttemptLimiter;
}

/** Serves the provider's endpoints at the root of a Fastify server. */
export async function addProviderRoutes(
  fastify: FastifyInstance,
  { provider, issuer, limiter }: ProviderRoutes,
): Promise<void> {
  const { protocol, host } = new URL(issuer);
  const callback = provider.callback();

  const forward = (request: FastifyRequest, reply: FastifyReply): void => {
    const { raw } = request;
    raw.headers['host'] = host;
    raw.headers['x-forwarded-host'] = host;
    raw.headers['x-forwarded-proto'] = protocol.replace(':', '');
    delete raw.headers['x-forwarded-for'];
    for (const [name, value] of Object.entries(FRAME_HEADERS)) reply.raw.setHeader(name, value);
    if (CACHED_PATHS.has(request.routeOptions.url ?? '')) {
      reply.raw.setHeader('cache-control', PUBLIC_CACHE);
    }
    reply.hijack();
    void callback(raw, reply.raw);
  };

  const forwardLimited = (request: FastifyRequest, reply: FastifyReply): void => {
    const attempt = limiter.watch(`client ${clientIdOf(request)}`, request.ip);
    reply.raw.once('close', () => {
      if (reply.raw.statusCode === 401) attempt.fail();
      else if (reply.raw.statusCode === 200) attempt.succeed();
    });
    forward(request, reply);
  };

  await fastify.register(async (scope) => {
    // The provider reads bodies itself, up to its own limit.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.setErrorHandler((error, _request, reply) => {
      const body = problemOf(error, currentTraceId());
      const headers = isRookeryError(error)
        ? (error as { headers?: Record<string, string> }).headers
        : undefined;
      return reply
        .status(body.status)
        .headers(headers ?? {})
        .header('content-type', PROBLEM_JSON)
        .send(JSON.stringify(body));
    });
    for (const path of PATHS) scope.all(path, forward);
    for (const path of SECRET_PATHS) scope.all(path, forwardLimited);
  });
}

/** The client that the Basic header names, unverified; one bucket for all that name none there. */
function clientIdOf({ headers }: FastifyRequest): string {
  const credentials = /^basic +([A-Za-z0-9+/=]{1,2000})$/i.exec(headers.authorization ?? '')?.[1];
  if (credentials === undefined) return '';
  return Buffer.from(credentials, 'base64').toString('utf8').split(':', 1)[0]!;
}
