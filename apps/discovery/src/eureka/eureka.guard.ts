import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { NotAcceptableError } from '../discovery-server.errors.js';

/** Turns away clients that take nothing but XML. Whoever does not say takes JSON. */
@Injectable()
export class JsonOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { accept } = context.switchToHttp().getRequest<FastifyRequest>().headers;
    if (accept === undefined || accept === '') return true;
    const types = accept
      .split(',')
      .map((each) => each.split(';', 1)[0]?.trim().toLowerCase() ?? '');
    const isJson = (type: string): boolean =>
      type === '*/*' || type === 'application/*' || type.includes('json');
    if (types.some((type) => isJson(type) || type === 'text/event-stream')) return true;
    throw new NotAcceptableError('this registry speaks JSON only');
  }
}
