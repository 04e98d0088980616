import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRookeryError, PROBLEM_JSON, problemOf, type Clock } from '@rookery/core';
import { drain, isUnread } from './drain.js';

/** What a problem answer carries besides the problem. */
export interface ProblemContext {
  readonly traceId: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/**
 * Answers with a problem document (RFC 9457). The connection is kept if the request has been read
 * to its end; otherwise it ends, but not before the client could read the answer: closing while it
 * still sends would reset the connection and lose it.
 */
export function answerProblem(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  { traceId, headers, clock }: ProblemContext,
): number {
  const problem = problemOf(error, traceId);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return problem.status;
  }
  const body = JSON.stringify(problem);
  const unread = isUnread(request);
  response.writeHead(problem.status, {
    ...headers,
    ...(isRookeryError(error) ? (error as { headers?: Record<string, string> }).headers : {}),
    'content-type': PROBLEM_JSON,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(unread ? { connection: 'close' } : {}),
  });
  const content = request.method === 'HEAD' ? '' : body;
  if (unread) {
    if (content === '') response.flushHeaders();
    else response.write(content);
    void drain(request, clock).then(() => response.end());
  } else {
    response.end(content);
  }
  return problem.status;
}
