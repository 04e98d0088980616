import { Inject, mixin, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { ConfigStore } from '@rookery/config';
import { BasicAuthError, matchesBasicAuth, type BasicCredentials } from './basic-auth.js';

/**
 * A guard for handlers that speak to programs which know no tokens: Spring's and Netflix's clients
 * carry user and password. Use it with `@UseGuards` beside `@Public()`.
 *
 * @param realm named in the challenge
 * @param credentials reads what to expect from the service's configuration, on each request, so that
 *   a changed password needs no restart
 */
export function BasicAuthGuard(
  realm: string,
  credentials: (config: ConfigStore) => BasicCredentials,
): Type<CanActivate> {
  class Guard implements CanActivate {
    constructor(@Inject(ConfigStore) private readonly config: ConfigStore) {}

    canActivate(context: ExecutionContext): boolean {
      const { headers } = context
        .switchToHttp()
        .getRequest<{ headers: Record<string, string | undefined> }>();
      if (matchesBasicAuth(headers.authorization, credentials(this.config))) return true;
      throw new BasicAuthError(realm);
    }
  }
  return mixin(Guard);
}
