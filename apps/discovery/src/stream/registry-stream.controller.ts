import { Controller, Get, Inject, Res, UseGuards } from '@nestjs/common';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { Lifecycle, type Clock } from '@rookery/core';
import { EventStream, type StreamEvent } from '@rookery/platform';
import { BasicAuthGuard, Public } from '@rookery/security';
import type { FastifyReply } from 'fastify';
import { readOptions } from '../discovery-server.options.js';
import { Registry } from '../registry/registry.js';

/**
 * Tells clients at once that the registry changed, so that they need not wait for their next fetch:
 * server-sent events `registry` with `{"version": 7, "epoch": 1767225600000}`. Versions are counted
 * from each start of this server; the epoch tells which start. A client that sees a new epoch
 * should renew at once, for the registry began empty.
 */
@Controller('eureka/stream')
@Public()
@UseGuards(BasicAuthGuard('discovery', readOptions))
export class RegistryStreamController {
  readonly #stream: EventStream;
  readonly #epoch: number;

  constructor(
    private readonly registry: Registry,
    @Inject(ConfigStore) config: ConfigStore,
    @Inject(CLOCK) clock: Clock,
    @Inject(ServiceInfo) service: ServiceInfo,
    @Inject(Lifecycle) lifecycle: Lifecycle,
  ) {
    this.#epoch = service.startedAt;
    this.#stream = new EventStream({ clock, maxClients: readOptions(config).maxListeners });
    registry.onChange((version) => this.#stream.send(this.#event(version)));
    lifecycle.onStop('consumers', 'registry stream', () => this.#stream.close());
  }

  @Get()
  stream(@Res() reply: FastifyReply): void {
    this.#stream.add(reply.raw, [this.#event(this.registry.version)]);
    reply.hijack();
  }

  #event(version: number): StreamEvent {
    const id = `${this.#epoch}-${version}`;
    return { event: 'registry', id, data: { version, epoch: this.#epoch } };
  }
}
