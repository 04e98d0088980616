import { isRookeryError } from '@rookery/core';
import { UpstreamFailedError, UpstreamUnreachableError } from '../gateway.errors.js';

const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The connection ended before an answer: an idle one that the upstream closed, or a crash. */
const CUT_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** What a failed call upstream means for the client. */
export function upstreamError(error: unknown, upstream: string): Error {
  if (isRookeryError(error)) return error;
  return wasRefused(error)
    ? new UpstreamUnreachableError(upstream, error)
    : new UpstreamFailedError(upstream, error);
}

/** Whether no connection was made, so that nothing of the request has arrived. */
export function wasRefused(error: unknown): boolean {
  return NOT_CONNECTED.has(codeOf(error));
}

/** The upstream cut an idle connection just as we used it; the same instance may well be fine. */
export function wasCutOff(error: unknown): boolean {
  return CUT_OFF.has(codeOf(error));
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  // Several addresses were tried, each with an error of its own.
  const [first] = (error as AggregateError | null)?.errors ?? [];
  return first === undefined ? '' : codeOf(first);
}
