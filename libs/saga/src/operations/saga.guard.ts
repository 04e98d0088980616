import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ForbiddenError, principalOf, UnauthorizedError } from '@rookery/security';

/** Scope that lets a token see the sagas of a service. */
export const SAGA_SCOPE = 'ops:read';

/**
 * Stands in front of the operators' door by itself: a service without `SecurityModule` has nobody
 * who verifies tokens, and must not show its sagas to everybody.
 */
@Injectable()
export class SagaGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const principal = principalOf(context.switchToHttp().getRequest<object>());
    if (principal === undefined) throw new UnauthorizedError('missing', 'a bearer token is needed');
    if (principal.scopes.has(SAGA_SCOPE)) return true;
    throw new ForbiddenError(`the token lacks the scope ${SAGA_SCOPE}`, [SAGA_SCOPE]);
  }
}
