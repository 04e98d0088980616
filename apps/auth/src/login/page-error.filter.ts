import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { isRookeryError, PROBLEM_JSON, problemOf } from '@rookery/core';
import { currentTraceId } from '@rookery/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pageHeaders } from '../pages/page.js';
import { errorPage } from '../pages/pages.js';

/** Shows a browser an error as a page, and everybody else as a problem document. */
@Catch()
export class PageErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Interaction');

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const body = problemOf(error, currentTraceId());
    if (body.status >= 500) this.logger.error({ err: error, code: body.code }, body.title);
    if (isRookeryError(error)) {
      void reply.headers((error as { headers?: Record<string, string> }).headers ?? {});
    }
    void reply.status(body.status);
    if ((request.headers.accept ?? '').includes('text/html')) {
      void reply.headers(pageHeaders()).send(errorPage(body.title, body.detail, body.code));
    } else {
      void reply.header('content-type', PROBLEM_JSON).send(JSON.stringify(body));
    }
  }
}
