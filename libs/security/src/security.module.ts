import { Logger, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import {
  HealthRegistry,
  InvalidOptionError,
  Lifecycle,
  systemRandom,
  type Clock,
} from '@rookery/core';
import { AccessGuard } from './guard/access.guard.js';
import { PrincipalInterceptor } from './guard/principal.interceptor.js';
import { authSchema, DEVELOPMENT_ISSUER, type AuthOptions } from './security.options.js';
import { ServiceTokens } from './service-tokens/service-tokens.js';
import {
  createRemoteVerifier,
  TokenVerifier,
  type RemoteVerifier,
} from './token/token-verifier.js';

const REMOTE = Symbol('rookery:security:remote');

/** What {@link SecurityModule.forRoot} may be told. */
export interface SecurityModuleOptions {
  /**
   * Whether every HTTP handler without `@Public` needs a token. Switch it off only for an app that
   * guards its handlers itself. @default true
   */
  readonly guard?: boolean;
}

/**
 * Verifies tokens and guards all HTTP handlers: a handler is closed unless it says `@Public`.
 * Global; configured by the namespace `auth`. Needs ConfigModule.
 */
@Module({})
export class SecurityModule {
  static forRoot({ guard = true }: SecurityModuleOptions = {}): DynamicModule {
    const guarding: Provider[] = [
      { provide: APP_GUARD, useClass: AccessGuard },
      { provide: APP_INTERCEPTOR, useClass: PrincipalInterceptor },
    ];
    return {
      module: SecurityModule,
      global: true,
      providers: [
        {
          provide: REMOTE,
          inject: [ConfigStore, ServiceInfo, CLOCK, Lifecycle, HealthRegistry],
          useFactory: connect,
        },
        {
          provide: TokenVerifier,
          inject: [REMOTE],
          useFactory: ({ verifier }: RemoteVerifier) => verifier,
        },
        {
          provide: ServiceTokens,
          inject: [ConfigStore, CLOCK, REMOTE],
          useFactory: (config: ConfigStore, clock: Clock, { metadata }: RemoteVerifier) => {
            const options = config.namespace('auth', authSchema);
            return new ServiceTokens({
              metadata,
              clientId: options.clientId,
              clientSecret: options.clientSecret,
              audience: options.audience,
              fetch: globalThis.fetch,
              clock,
              random: systemRandom,
              timeoutMs: options.timeout,
            });
          },
        },
        ...(guard ? guarding : []),
      ],
      exports: [TokenVerifier, ServiceTokens],
    };
  }
}

function connect(
  config: ConfigStore,
  service: ServiceInfo,
  clock: Clock,
  lifecycle: Lifecycle,
  health: HealthRegistry,
): RemoteVerifier {
  const options = config.namespace('auth', authSchema);
  const remote = createRemoteVerifier({
    issuer: issuerOf(options, service),
    audience: options.audience,
    algorithms: options.algorithms,
    cacheSize: options.cacheSize,
    timeoutMs: options.timeout,
    keysMaxAgeMs: options.keysMaxAge,
    staleIfErrorMs: options.staleIfError,
    clock,
  });
  const logger = new Logger('Security');
  // In the background: a service may start before the issuer is up.
  lifecycle.onStart('schedulers', 'token keys', () => {
    let told = false;
    void remote.keys.warm((error) => {
      if (told) return;
      told = true;
      logger.warn(`no keys from ${remote.metadata.issuer} yet, trying on: ${reasonOf(error)}`);
    });
  });
  lifecycle.onStop('pools', 'token keys', () => remote.keys.close());
  // Degraded, not down: an issuer that is away must not take every service out of rotation.
  health.register({
    name: 'tokenKeys',
    groups: ['ready'],
    check: () => ({
      status: remote.keys.state === 'fresh' ? 'up' : 'degraded',
      details: { issuer: remote.metadata.issuer, keys: remote.keys.state },
    }),
  });
  return remote;
}

function issuerOf({ issuer }: AuthOptions, { profile }: ServiceInfo): string {
  if (issuer !== undefined) return issuer;
  if (profile !== 'production') return DEVELOPMENT_ISSUER;
  throw new InvalidOptionError('configuration', [
    'auth.issuer: is missing, expected the URL of the token issuer (AUTH_ISSUER)',
  ]);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
