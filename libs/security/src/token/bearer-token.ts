import { TokenRequestError, UnauthorizedError } from '../security.errors.js';

/** What is read of a request; Node's `IncomingMessage` and Fastify's `request.raw` have it. */
export interface TokenCarrier {
  /** Names and values in turns. Not `headers`: that one silently drops a second Authorization. */
  readonly rawHeaders: readonly string[];
  readonly url?: string | undefined;
}

const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
const BEARER_SCHEME = /^bearer(?: |$)/i;
const TOKEN_IN_QUERY = /[?&]access_token=/i;

/**
 * The bearer token of a request (RFC 6750 section 2.1), `undefined` when there is none.
 *
 * @throws TokenRequestError when there are two, or one in the query, where logs and Referer show it
 * @throws UnauthorizedError when the header is a bearer header without a well-formed token
 */
export function bearerToken(request: TokenCarrier): string | undefined {
  let header: string | undefined;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]!.toLowerCase() !== 'authorization') continue;
    if (header !== undefined) throw new TokenRequestError('more than one Authorization header');
    header = request.rawHeaders[i + 1];
  }
  if (request.url !== undefined && TOKEN_IN_QUERY.test(request.url)) {
    throw new TokenRequestError('an access token does not belong in the query');
  }
  if (header === undefined || !BEARER_SCHEME.test(header)) return undefined;
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw new UnauthorizedError('invalid', 'the bearer token is malformed');
  return token;
}
