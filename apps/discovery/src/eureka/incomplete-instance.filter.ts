import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { IncompleteInstanceError } from '../discovery-server.errors.js';

/** Answers as Netflix's server does: the reason as plain text. */
@Catch(IncompleteInstanceError)
export class IncompleteInstanceFilter implements ExceptionFilter<IncompleteInstanceError> {
  catch(error: IncompleteInstanceError, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply.code(error.status).type('text/plain; charset=utf-8').send(error.message);
  }
}
