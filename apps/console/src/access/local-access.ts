import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NotLocalError } from '../console.errors.js';

/** Names of this machine that a browser on it may use. */
const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);
const LOCAL_ADDRESS = /^(::1|127\.\d+\.\d+\.\d+|::ffff:127\.\d+\.\d+\.\d+)$/;
/** What probes and scrapers call. */
const MANAGEMENT = '/manage/';

const HEADERS: Readonly<Record<string, string>> = {
  // Nothing but our own files, no inline code, nobody's frame.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * Serves browsers on this machine only. The address alone does not do: any web page can make the
 * browser call 127.0.0.1, by a name of its own that resolves there (DNS rebinding, caught by the
 * Host header) or across origins (caught by what the browser says of the request's origin).
 */
export function allowOnlyLocal(fastify: FastifyInstance, allowedHosts: readonly string[]): void {
  const names = new Set([...LOCAL_NAMES, ...allowedHosts.map((name) => name.toLowerCase())]);
  fastify.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    if (request.url.startsWith(MANAGEMENT)) return;
    const refusal = reasonToRefuse(request, names);
    if (refusal !== undefined) throw new NotLocalError(refusal);
  });
}

function reasonToRefuse(
  { headers, socket }: FastifyRequest,
  names: ReadonlySet<string>,
): string | undefined {
  if (!LOCAL_ADDRESS.test(socket.remoteAddress ?? '')) return 'only from this machine';
  const host = hostName(headers.host);
  if (host === undefined || !names.has(host)) return 'unknown Host';
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${headers.host}`) return 'foreign Origin';
  const site = headers['sec-fetch-site'];
  // 'none' is the user: an address typed, a bookmark. A link elsewhere may open the page as well.
  const isVisit = headers['sec-fetch-mode'] === 'navigate';
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
  return isForeign && !isVisit ? 'foreign site' : undefined;
}

function hostName(host: string | undefined): string | undefined {
  return /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d+)?$/.exec((host ?? '').toLowerCase())?.[1];
}
