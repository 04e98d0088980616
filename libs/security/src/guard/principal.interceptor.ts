import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { runWithContext } from '@rookery/core';
import type { Observable } from 'rxjs';
import { principalOf } from './request-principal.js';

/**
 * Puts the principal into the request context of the handler and all that it calls. The guard
 * cannot do it: a context holds for the function it is run with, and a guard returns before the
 * handler is called.
 */
@Injectable()
export class PrincipalInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType<string>() !== 'http') return next.handle();
    const principal = principalOf(context.switchToHttp().getRequest<object>());
    if (principal === undefined) return next.handle();
    return runWithContext({ principal }, () => next.handle());
  }
}
