import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { isRookeryError, problem, problemOf, PROBLEM_JSON, type Problem } from '@rookery/core';
import { currentTraceId, noteError } from '@rookery/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Answers every failed request with an RFC 9457 problem document, of what it does not know without
 * any of it. The error itself stands in the log line and the span of the request.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    // Message handlers have an error policy of their own, which needs the original error.
    if (host.getType() !== 'http') throw error;
    const http = host.switchToHttp();
    noteError(http.getRequest<FastifyRequest>(), error);
    const reply = http.getResponse<FastifyReply>();
    const body = toProblem(error);
    if (reply.sent) return;
    for (const [name, value] of Object.entries(headersOf(error))) void reply.header(name, value);
    void reply.status(body.status).header('content-type', PROBLEM_JSON).send(JSON.stringify(body));
  }
}

/** The problem document of anything a handler, Nest or Fastify throws. */
export function toProblem(error: unknown): Problem {
  const traceId = currentTraceId();
  if (isRookeryError(error)) return problemOf(error, traceId);
  const extension = traceId === undefined ? {} : { traceId };
  const status = statusOf(error);
  if (status === undefined || status >= 500) return problemOf(error, traceId);
  const code = CODES[status] ?? `RKY_HTTP_${status}`;
  return problem(
    status,
    code,
    TITLES[status] ?? 'Request refused',
    (error as Error).message,
    extension,
  );
}

const CODES: Readonly<Record<number, string>> = {
  400: 'RKY_HTTP_BAD_REQUEST',
  404: 'RKY_HTTP_NO_ROUTE',
  408: 'RKY_HTTP_REQUEST_TIMEOUT',
  413: 'RKY_HTTP_BODY_TOO_LARGE',
  415: 'RKY_HTTP_UNSUPPORTED_MEDIA_TYPE',
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  404: 'No such route',
  408: 'Request timed out',
  413: 'Body too large',
  415: 'Unsupported media type',
};

function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  // Fastify's own errors carry the status they stand for.
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && error instanceof Error ? status : undefined;
}

function headersOf(error: unknown): Record<string, string> {
  const { headers } = (error ?? {}) as { headers?: Record<string, string> };
  return isRookeryError(error) && headers !== undefined ? headers : {};
}
