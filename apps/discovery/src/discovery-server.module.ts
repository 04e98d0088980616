import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { RookeryModule } from '@rookery/platform';
import type { FastifyInstance } from 'fastify';
import { speakEureka } from './eureka/eureka-dialect.js';
import { EurekaController } from './eureka/eureka.controller.js';
import { RegistryModule } from './registry/registry.module.js';
import { ScrapeTargetsController } from './scrape/scrape-targets.controller.js';
import { RegistryStreamController } from './stream/registry-stream.controller.js';

/** The service registry. Its clients know user and password; it registers nowhere itself. */
@Module({
  imports: [
    RookeryModule.forRoot({
      name: 'discovery',
      security: false,
      discovery: false,
      // Heartbeats and fetches of all instances; a line for each would hide the others.
      quietPaths: ['/eureka', '/prometheus/sd'],
    }),
    RegistryModule,
  ],
  controllers: [RegistryStreamController, EurekaController, ScrapeTargetsController],
})
export class DiscoveryServerModule implements OnModuleInit {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  onModuleInit(): void {
    speakEureka(this.adapterHost.httpAdapter.getInstance<FastifyInstance>());
  }
}
