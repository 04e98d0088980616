/**
 * Header fields that end at this hop (RFC 9110 section 7.6.1), and those with which only we may
 * speak to a service.
 */

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Said about the caller by whoever stands before a service; from outside they are lies. */
const FORWARDED: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip', 'x-client-ip']);
const INTERNAL = /^x-(?:forwarded|user|roles?|tenant|internal|original|rewrite|http-method)(?:-|$)/;

/** Headers of this hop's own making. */
const OURS: ReadonlySet<string> = new Set([
  'host',
  'expect',
  'traceparent',
  'tracestate',
  'b3',
  'x-correlation-id',
  'x-request-timeout-ms',
  'x-envoy-expected-rq-timeout-ms',
]);
const B3 = /^x-b3-/;

/**
 * Which fields of a client's request are not passed on: those of the connection, those that
 * `Connection` names, those that only we may set.
 */
export function droppedFromRequest(connection: string | undefined): (name: string) => boolean {
  const named = tokensOf(connection);
  return (name) => {
    // X_User_Id and X-User-Id are one name for servers that hand headers on as variables.
    const canonical = name.includes('_') ? name.replaceAll('_', '-') : name;
    return (
      HOP_BY_HOP.has(canonical) ||
      FORWARDED.has(canonical) ||
      INTERNAL.test(canonical) ||
      OURS.has(canonical) ||
      B3.test(canonical) ||
      named.has(name)
    );
  };
}

const FROM_UPSTREAM: ReadonlySet<string> = new Set(['server', 'x-powered-by', 'x-correlation-id']);

/** Which fields of an upstream's answer are not passed on. */
export function droppedFromResponse(
  connection: string | string[] | undefined,
): (name: string) => boolean {
  const named = tokensOf(Array.isArray(connection) ? connection.join(',') : connection);
  return (name) => HOP_BY_HOP.has(name) || FROM_UPSTREAM.has(name) || named.has(name);
}

/** Without these the message would be framed or routed in another way than its sender meant. */
const NOT_BY_CONNECTION: ReadonlySet<string> = new Set(['content-length', 'authorization', 'host']);

function tokensOf(connection: string | undefined): ReadonlySet<string> {
  // Nearly every message says no more than this.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') {
    return EMPTY;
  }
  const tokens = connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
  return new Set(tokens.filter((token) => !NOT_BY_CONNECTION.has(token)));
}

const EMPTY: ReadonlySet<string> = new Set();
