import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CLOCK, ConfigStore } from '@rookery/config';
import type { Clock } from '@rookery/core';
import { ServiceRegistry } from '@rookery/discovery';
import { RookeryModule } from '@rookery/platform';
import { ServiceTokens } from '@rookery/security';
import type { FastifyInstance } from 'fastify';
import { allowOnlyLocal } from './access/local-access.js';
import { infrastructure, readOptions } from './console.options.js';
import { Fleet, type InstanceSource } from './fleet/fleet.js';
import { InstanceClient } from './fleet/instance-client.js';
import { KnownInstances } from './fleet/known-instances.js';
import { LiveController } from './live/live.controller.js';
import { Sagas } from './sagas/sagas.js';
import { SagasController } from './sagas/sagas.controller.js';
import { Traces } from './traces/traces.js';
import { TracesController } from './traces/traces.controller.js';
import { WebAssets } from './web/web-assets.js';
import { WebController } from './web/web.controller.js';

const home = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The web page of the platform, for whoever sits at this machine. */
@Module({
  // What looks at the traces must not fill them.
  imports: [RookeryModule.forRoot({ name: 'console', quietPaths: ['/'] })],
  controllers: [LiveController, SagasController, TracesController, WebController],
  providers: [
    {
      provide: KnownInstances,
      inject: [ServiceRegistry, ConfigStore],
      useFactory: (registry: ServiceRegistry, config: ConfigStore) =>
        new KnownInstances(registry, infrastructure(config)),
    },
    {
      provide: InstanceClient,
      inject: [ConfigStore, ServiceTokens],
      useFactory: (config: ConfigStore, tokens: ServiceTokens) =>
        new InstanceClient({
          timeoutMs: readOptions(config).requestTimeout,
          token: () => tokens.tokenFor(undefined, 'ops:read'),
        }),
    },
    {
      provide: Fleet,
      inject: [KnownInstances, InstanceClient, CLOCK, ConfigStore],
      useFactory: (
        source: InstanceSource,
        client: InstanceClient,
        clock: Clock,
        config: ConfigStore,
      ) => new Fleet(source, client, clock, readOptions(config).rememberFor),
    },
    {
      provide: Sagas,
      inject: [KnownInstances, InstanceClient, ConfigStore],
      useFactory: (source: InstanceSource, client: InstanceClient, config: ConfigStore) => {
        const { sagaServices, sagaLimit } = readOptions(config);
        return new Sagas(source, client, sagaServices, sagaLimit);
      },
    },
    {
      provide: Traces,
      inject: [KnownInstances, InstanceClient],
      useFactory: (source: InstanceSource, client: InstanceClient) => new Traces(source, client),
    },
    {
      provide: WebAssets,
      inject: [ConfigStore],
      useFactory: (config: ConfigStore) =>
        new WebAssets(
          home('../dist/web'),
          home('../web'),
          config.profiles.includes('development') ? buildWeb : undefined,
        ),
    },
  ],
})
export class ConsoleModule implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Inject(ConfigStore) private readonly config: ConfigStore,
  ) {}

  onModuleInit(): void {
    const fastify = this.adapterHost.httpAdapter.getInstance<FastifyInstance>();
    allowOnlyLocal(fastify, readOptions(this.config).allowedHosts);
  }
}

/** In a process of its own: the bundler's memory goes with it. */
async function buildWeb(): Promise<void> {
  await promisify(execFile)(process.execPath, [home('../build.mjs')], { timeout: 60_000 });
}
