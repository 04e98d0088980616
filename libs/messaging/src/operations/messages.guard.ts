import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ForbiddenError, principalOf, SCOPES_KEY, UnauthorizedError } from '@rookery/security';

/** Scope that lets a token see failed messages. */
export const MESSAGES_READ_SCOPE = 'ops:read';
/** Scope that lets a token edit, replay and discard them. */
export const MESSAGES_WRITE_SCOPE = 'ops:write';

/**
 * Stands in front of the operators' door by itself: a service without `SecurityModule` has nobody
 * who verifies tokens, and must not show its messages to everybody.
 */
@Injectable()
export class MessagesGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const principal = principalOf(context.switchToHttp().getRequest<object>());
    if (principal === undefined) throw new UnauthorizedError('missing', 'a bearer token is needed');
    const needed = this.reflector.getAllAndOverride<string[] | undefined>(SCOPES_KEY, [
      context.getHandler(),
      context.getClass(),
    ]) ?? [MESSAGES_WRITE_SCOPE];
    const lacking = needed.filter((scope) => !principal.scopes.has(scope));
    if (lacking.length === 0) return true;
    throw new ForbiddenError(`the token lacks the scope ${lacking.join(' ')}`, lacking);
  }
}
