import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { currentContext, isRookeryError, type Principal } from '@rookery/core';
import { accessDenied } from '../security.channels.js';
import { ForbiddenError, UnauthorizedError } from '../security.errors.js';
import { bearerToken, type TokenCarrier } from '../token/bearer-token.js';
import { TokenVerifier } from '../token/token-verifier.js';
import { PUBLIC_KEY, ROLES_KEY, SCOPES_KEY } from './access.decorator.js';
import { setPrincipal } from './request-principal.js';

/** What a handler demands of a caller. */
interface Demand {
  readonly open: boolean;
  readonly scopes: readonly string[];
  readonly roles: readonly (readonly string[])[];
}

/**
 * Lets an HTTP request through only with a valid token that satisfies the handler's `@Scopes` and
 * `@Roles`, unless the handler is `@Public`. Handlers without any decision need a token: forgetting
 * a decorator must not open a door. Message and RPC handlers are not its business.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  readonly #demands = new WeakMap<object, Demand>();

  constructor(
    private readonly verifier: TokenVerifier,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType<string>() !== 'http') return true;
    try {
      await this.#admit(context);
      return true;
    } catch (error) {
      if (isRookeryError(error) && accessDenied.hasSubscribers) {
        const handler = `${context.getClass().name}.${context.getHandler().name}`;
        accessDenied.publish({ app: currentContext()?.app, status: error.status, handler });
      }
      throw error;
    }
  }

  async #admit(context: ExecutionContext): Promise<void> {
    const demand = this.#demandOf(context);
    if (demand.open) return;
    const request = context.switchToHttp().getRequest<object>();
    const token = bearerToken(carrierOf(request));
    if (token === undefined) throw new UnauthorizedError('missing', 'a bearer token is needed');
    const principal = await this.verifier.verify(token);
    authorize(principal, demand);
    setPrincipal(request, principal);
  }

  #demandOf(context: ExecutionContext): Demand {
    const handler = context.getHandler();
    const known = this.#demands.get(handler);
    if (known !== undefined) return known;
    const demand = this.#read(handler, context.getClass());
    // An inherited method is one function with several classes: only the class tells them apart.
    if (Object.hasOwn(context.getClass().prototype as object, handler.name)) {
      this.#demands.set(handler, demand);
    }
    return demand;
  }

  #read(handler: object, type: object): Demand {
    const on = <T>(key: string, target: object): T | undefined =>
      this.reflector.get<T, string>(key, target as never);
    const scopes = [type, handler].flatMap((target) => on<string[]>(SCOPES_KEY, target) ?? []);
    const roles = [type, handler].flatMap((target) => {
      const named = on<string[]>(ROLES_KEY, target);
      return named === undefined ? [] : [named];
    });
    const demands = on(SCOPES_KEY, handler) !== undefined || on(ROLES_KEY, handler) !== undefined;
    const open = on(PUBLIC_KEY, handler) === true || (on(PUBLIC_KEY, type) === true && !demands);
    return { open, scopes, roles };
  }
}

function authorize(principal: Principal, { scopes, roles }: Demand): void {
  const missing = scopes.filter((scope) => !principal.scopes.has(scope));
  if (missing.length > 0) {
    throw new ForbiddenError(`the token lacks the scope ${missing.join(' ')}`, scopes);
  }
  if (!roles.every((any) => any.some((role) => principal.roles.has(role)))) {
    throw new ForbiddenError('the user has none of the roles that this needs');
  }
}

/** Fastify wraps Node's request; Express hands it out as it is. */
function carrierOf(request: object): TokenCarrier {
  return ((request as { raw?: TokenCarrier }).raw ?? request) as TokenCarrier;
}
