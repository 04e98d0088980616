import { Inject, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule, ModuleRef } from '@nestjs/core';
import type { NestTransportOptions } from './nest-transport.options.js';
import { subscribePatterns } from './rookery-transport.strategy.js';

const OPTIONS = Symbol('rookery.messaging.nest-transport');

/**
 * Does what {@link RookeryTransport} does, in apps that do not call `connectMicroservice`. Use one
 * of both.
 */
@Module({})
export class RookeryTransportModule implements OnModuleInit {
  constructor(
    @Inject(ModuleRef) private readonly app: ModuleRef,
    @Inject(OPTIONS) private readonly options: NestTransportOptions,
  ) {}

  static forRoot(options: NestTransportOptions = {}): DynamicModule {
    return {
      module: RookeryTransportModule,
      imports: [DiscoveryModule],
      providers: [{ provide: OPTIONS, useValue: options }],
    };
  }

  onModuleInit(): void {
    subscribePatterns(this.app, this.options);
  }
}
