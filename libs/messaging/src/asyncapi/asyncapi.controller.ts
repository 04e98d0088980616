import { Controller, Get, Header, Inject, UseGuards } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ServiceInfo } from '@rookery/config';
import { Scopes } from '@rookery/security';
import { contractsOwnedBy } from '../contract/known-contracts.js';
import { trafficOf, type Traffic } from '../contract/traffic/traffic.js';
import { MESSAGES_READ_SCOPE, MessagesGuard } from '../operations/messages.guard.js';
import type { AsyncApiDocument } from './asyncapi-document.js';

/** What this service says and hears, as AsyncAPI; needs a token with the scope `ops:read`. */
@Controller('manage/asyncapi')
@UseGuards(MessagesGuard)
export class AsyncApiController {
  #document: Promise<AsyncApiDocument> | undefined;

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ServiceInfo) private readonly service: ServiceInfo,
  ) {}

  /** The document, of AsyncAPI 3.1 as JSON. */
  @Get()
  @Scopes(MESSAGES_READ_SCOPE)
  @Header('cache-control', 'no-store')
  document(): Promise<AsyncApiDocument> {
    this.#document ??= this.#make();
    return this.#document;
  }

  /** Loaded when it is asked for, so that the start does without. */
  async #make(): Promise<AsyncApiDocument> {
    const { asyncApiDocument } = await import('./asyncapi-document.js');
    const { name, version } = this.service;
    return asyncApiDocument({
      service: name,
      version,
      traffic: this.#traffic(),
      owned: contractsOwnedBy(name),
    });
  }

  #traffic(): Traffic {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const prototypes = new Set<object>();
    for (const { metatype } of wrappers) {
      const prototype = (metatype as { prototype?: object } | null)?.prototype;
      if (prototype !== undefined) prototypes.add(prototype);
    }
    const all = [...prototypes].map(trafficOf);
    return {
      handles: all.flatMap(({ handles }) => handles),
      sends: [...new Set(all.flatMap(({ sends }) => sends))],
    };
  }
}
