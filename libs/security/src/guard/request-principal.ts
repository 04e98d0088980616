import type { Principal } from '@rookery/core';

const principals = new WeakMap<object, Principal>();

/** The principal that a guard found for this request object. */
export function principalOf(request: object): Principal | undefined {
  return principals.get(request);
}

/** Remembers the principal for as long as the request lives. */
export function setPrincipal(request: object, principal: Principal): void {
  principals.set(request, principal);
}
