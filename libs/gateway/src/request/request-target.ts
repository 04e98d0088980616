import {
  MalformedRequestError,
  MisdirectedRequestError,
  UrlTooLongError,
} from '../gateway.errors.js';

/** Where a request goes, in the one form that policy, routing and upstream all see. */
export interface RequestTarget {
  /** Begins with `/`; percent-encoded only where needed; no dot segments, no empty segments. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
}

/** Bytes that may not stand unencoded: controls, space, non-ASCII, and what servers disagree on. */
const FORBIDDEN = /[^\x21-\x7e]|[\\#<>"^`{|}]/;
/** Encoded bytes of a path that servers decode at different times: / \ NUL and other controls. */
const AMBIGUOUS = /%(?:2f|5c|[01][0-9a-f]|7f)/i;
/** The same encoded twice: harmless here, an attack on an upstream that decodes twice. */
const DOUBLY_ENCODED = /%25(?:2e|2f|5c|00|25)/i;
const BROKEN_ESCAPE = /%(?![0-9a-f]{2})/i;
/** `.` and `..`, also with path parameters, which some servers cut off before resolving. */
const DOT_SEGMENT = /\/\.{1,2}(?:[/;]|$)/;
const ESCAPE = /%([0-9a-f]{2})/gi;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/**
 * Normalises a request target once, so that what a rule was checked against is what is forwarded.
 * Whatever two servers could read in two ways is refused rather than repaired.
 *
 * @param raw as in the request line
 * @param host the Host header, which an absolute target must agree with
 * @throws MalformedRequestError, MisdirectedRequestError, UrlTooLongError
 */
export function requestTarget(raw: string, host: string, maxLength: number): RequestTarget {
  if (raw.length > maxLength) throw new UrlTooLongError(maxLength);
  const target = raw.startsWith('/') ? raw : originForm(raw, host);
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  if (FORBIDDEN.test(path)) throw refuse('the path has characters that must be encoded');
  if (/[^\x21-\x7e]|#/.test(query) || /%00/.test(query)) {
    throw refuse('the query has characters that are not allowed');
  }
  if (BROKEN_ESCAPE.test(path)) throw refuse('the path has a broken percent-encoding');
  if (AMBIGUOUS.test(path)) throw refuse('the path has encoded separators or controls');
  if (DOUBLY_ENCODED.test(path)) throw refuse('the path is encoded twice');
  const plain = path.replace(ESCAPE, decodeUnreserved);
  if (DOT_SEGMENT.test(plain)) throw refuse('the path has dot segments');
  if (plain.includes('//')) throw refuse('the path has empty segments');
  return { path: plain, query };
}

/** RFC 9112 section 3.2.2: servers must accept the absolute form. */
function originForm(raw: string, host: string): string {
  const match = /^https?:\/\/([^/?#]*)(\/[^#]*)?$/i.exec(raw);
  if (match === null) throw refuse('the request target is neither a path nor an http URL');
  const [, authority, rest = '/'] = match;
  if (authority!.toLowerCase() !== host.toLowerCase()) throw new MisdirectedRequestError();
  return rest;
}

/** RFC 3986 section 6.2.2.2: these mean the same with and without encoding. */
function decodeUnreserved(escape: string, hex: string): string {
  const character = String.fromCharCode(Number.parseInt(hex, 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}

function refuse(message: string): MalformedRequestError {
  return new MalformedRequestError(message);
}
