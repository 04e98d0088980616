import type { IncomingMessage } from 'node:http';
import {
  BodyTooLargeError,
  MalformedRequestError,
  MethodNotAllowedError,
  MisdirectedRequestError,
} from '../gateway.errors.js';
import { requestTarget, type RequestTarget } from './request-target.js';

/** What a request may be at most, before any route is looked at. */
export interface AdmissionLimits {
  readonly maxUrlLength: number;
  /** Names without port; empty: any. */
  readonly allowedHosts: readonly string[];
}

/** A request that has one meaning. */
export interface Admitted extends RequestTarget {
  readonly method: string;
  /** As the client sent it, with port. */
  readonly host: string;
  /** In lower case, without port. */
  readonly hostname: string;
}

const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const NEVER_FORWARDED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/**
 * Refuses what is ambiguous or not for us.
 *
 * @throws MalformedRequestError, MisdirectedRequestError, MethodNotAllowedError, UrlTooLongError
 */
export function admit(request: IncomingMessage, limits: AdmissionLimits): Admitted {
  const method = request.method ?? '';
  if (NEVER_FORWARDED.has(method)) throw new MethodNotAllowedError(method);
  const host = hostOf(request);
  const hostname = host.replace(/:\d+$/, '').toLowerCase();
  if (limits.allowedHosts.length > 0 && !limits.allowedHosts.includes(hostname)) {
    throw new MisdirectedRequestError();
  }
  const target = requestTarget(request.url ?? '', host, limits.maxUrlLength);
  return { ...target, method, host, hostname };
}

function hostOf({ rawHeaders, httpVersion }: IncomingMessage): string {
  const host = single(rawHeaders, 'host');
  single(rawHeaders, 'authorization');
  if (host === undefined || !HOST.test(host)) {
    throw new MalformedRequestError(
      httpVersion === '1.0'
        ? 'HTTP/1.0 without Host is not served'
        : 'the Host header is malformed',
    );
  }
  return host;
}

/** Node takes the first of two silently; an upstream may take the other. */
function single(rawHeaders: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== name) continue;
    if (value !== undefined) throw new MalformedRequestError(`more than one ${name} header`);
    value = rawHeaders[i + 1]!;
  }
  return value;
}

/** How many bytes of body a request announces; `undefined` when it comes in chunks. */
export function announcedLength({ headers }: IncomingMessage): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}

/** @throws BodyTooLargeError when it announces too much, so that nothing of it need be read */
export function checkAnnounced(length: number | undefined, limit: number): void {
  if (length !== undefined && length > limit) throw new BodyTooLargeError(limit);
}
