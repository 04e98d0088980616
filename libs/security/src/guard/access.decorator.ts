import {
  createParamDecorator,
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { Principal } from '@rookery/core';
import { principalOf } from './request-principal.js';

/** Metadata key of {@link Public}; set it directly where importing the decorator is not possible. */
export const PUBLIC_KEY = 'rookery:public';
/** Metadata key of {@link Scopes}. */
export const SCOPES_KEY = 'rookery:scopes';
/** Metadata key of {@link Roles}. */
export const ROLES_KEY = 'rookery:roles';

/**
 * Needs no token. On a method it overrides what its class demands; a class that is public has
 * methods that are not where they carry {@link Scopes} or {@link Roles}.
 */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC_KEY, true);

/** Needs a token with all of these scopes, and with those that its class names. */
export const Scopes = (...scopes: [string, ...string[]]): CustomDecorator =>
  SetMetadata(SCOPES_KEY, scopes);

/** Needs a token of a user with one of these roles; class and method must both be satisfied. */
export const Roles = (...roles: [string, ...string[]]): CustomDecorator =>
  SetMetadata(ROLES_KEY, roles);

/** The {@link Principal} of the request; `undefined` in public handlers called without a token. */
export const CurrentUser = createParamDecorator(
  (_: unknown, context: ExecutionContext): Principal | undefined =>
    principalOf(context.switchToHttp().getRequest<object>()),
);
