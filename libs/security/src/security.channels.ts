import { channel } from '@rookery/core';

/** A token was presented and refused. Holds no part of the token. */
export interface TokenRejected {
  readonly issuer: string;
  /** Which check failed. */
  readonly reason: string;
}

/** A request was refused for want of a token, a scope or a role. */
export interface AccessDenied {
  /** The service, where the request has a context. */
  readonly app: string | undefined;
  readonly status: number;
  /** Controller and method, for example `OrdersController.place`. */
  readonly handler: string;
}

/** `rookery.security.token-rejected` */
export const tokenRejected = channel<TokenRejected>('rookery.security.token-rejected');
/** `rookery.security.access-denied` */
export const accessDenied = channel<AccessDenied>('rookery.security.access-denied');
