import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { CLOCK, ConfigStore } from '@rookery/config';
import { currentContext, Lifecycle, type Clock } from '@rookery/core';
import { LoadBalancer } from '@rookery/discovery';
import { Metrics, Tracing } from '@rookery/observability';
import { ServiceTokens } from '@rookery/security';
import { clientOf } from './client/client-metadata.js';
import { TRANSPORT } from './client/exchange.js';
import { ConnectionPools } from './exchange/connection-pools.js';
import { Exchanger, type TokenSource } from './exchange/exchanger.js';
import { ClientDeclarationError } from './http-client.errors.js';
import { httpClientSchema } from './http-client.options.js';

/**
 * Provides declarative HTTP clients. Needs `ConfigModule`, `ObservabilityModule` and
 * `DiscoveryModule`, and `SecurityModule` for clients that send a token.
 */
@Module({})
export class HttpClientModule {
  /** @throws ClientDeclarationError when a class is no client */
  static forFeature(clients: readonly Type[]): DynamicModule {
    for (const client of clients) {
      if (clientOf(client) === undefined) {
        throw new ClientDeclarationError(`${client.name} has no @HttpClient`);
      }
    }
    return {
      module: HttpClientModule,
      providers: [
        ...clients,
        {
          provide: TRANSPORT,
          inject: [
            ConfigStore,
            Lifecycle,
            LoadBalancer,
            Metrics,
            Tracing,
            CLOCK,
            { token: ServiceTokens, optional: true },
          ],
          useFactory: transport,
        },
      ],
      exports: [...clients],
    };
  }
}

function transport(
  store: ConfigStore,
  lifecycle: Lifecycle,
  instances: LoadBalancer,
  metrics: Metrics,
  tracing: Tracing,
  clock: Clock,
  serviceTokens: ServiceTokens | undefined,
): Exchanger {
  const config = store.namespace('httpClient', httpClientSchema);
  const pools = new ConnectionPools(config);
  lifecycle.onStop('pools', 'http clients', () => pools.close());
  const tokens: TokenSource = async (auth) => {
    if (auth === 'relay') return currentContext()?.principal?.token;
    return auth === 'service' ? serviceTokens?.tokenFor() : undefined;
  };
  return new Exchanger({ instances, pools, tokens, config, metrics, tracing, clock });
}
