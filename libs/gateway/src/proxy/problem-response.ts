import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRookeryError, PROBLEM_JSON, problemOf, type Clock } from '@rookery/core';

/** How long the rest of a refused body is read, so that the client gets to read the refusal. */
const LINGER_MS = 1_000;

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
  response.writeHead(problem.status, {
    ...headers,
    ...(isRookeryError(error) ? (error as { headers?: Record<string, string> }).headers : {}),
    'content-type': PROBLEM_JSON,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(request.complete || !hasBody(request) ? {} : { connection: 'close' }),
  });
  const bodyless = request.method === 'HEAD';
  if (request.complete || !hasBody(request)) {
    response.end(bodyless ? undefined : body);
    return problem.status;
  }
  if (bodyless) response.flushHeaders();
  else response.write(body);
  const finish = (): void => {
    cancel();
    response.end();
  };
  const cancel = clock.after(LINGER_MS, finish);
  request.unpipe().once('end', finish).once('close', finish).once('error', finish).resume();
  return problem.status;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
