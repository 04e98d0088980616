import { currentContext } from '@rookery/core';

/**
 * Metadata by which the guard of `@rookery/security` knows a handler that needs no token. Set by its
 * name, because that package and this one are of the same layer and must not know each other.
 */
export const PUBLIC_METADATA = 'rookery:public';

/** Whether a service runs on a developer's machine. */
export function isDevelopment(profile: string): boolean {
  return profile.split(',').includes('development');
}

/** Whether the caller may see what is meant for operators: anyone in development. */
export function isOperator(profile: string): boolean {
  if (isDevelopment(profile)) return true;
  const principal = currentContext()?.principal;
  return (
    principal !== undefined &&
    (principal.scopes.has('ops:read') || principal.scopes.has('ops') || principal.roles.has('ops'))
  );
}
