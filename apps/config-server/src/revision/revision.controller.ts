import { Controller, Get, Inject, Logger, Res, UseGuards, type OnModuleInit } from '@nestjs/common';
import { CLOCK, ConfigStore } from '@rookery/config';
import { HealthRegistry, Lifecycle, type Clock } from '@rookery/core';
import { EventStream } from '@rookery/platform';
import { BasicAuthGuard, Public } from '@rookery/security';
import type { FastifyReply } from 'fastify';
import { readOptions } from '../config-server.options.js';
import { FolderWatch } from './folder-watch.js';

/** Tells clients that the configuration changed: server-sent events `revision`. */
@Controller()
@Public()
@UseGuards(BasicAuthGuard('config', readOptions))
export class RevisionController implements OnModuleInit {
  readonly #logger = new Logger('Revisions');
  readonly #stream: EventStream;
  readonly #watch: FolderWatch;

  constructor(
    @Inject(ConfigStore) config: ConfigStore,
    @Inject(CLOCK) clock: Clock,
    @Inject(Lifecycle) lifecycle: Lifecycle,
    @Inject(HealthRegistry) health: HealthRegistry,
  ) {
    const { root, pollInterval, maxListeners } = readOptions(config);
    this.#stream = new EventStream({ clock, maxClients: maxListeners });
    this.#watch = new FolderWatch(root, pollInterval, clock, (revision) => {
      this.#logger.log({ revision, listeners: this.#stream.size }, 'configuration changed');
      this.#stream.send(eventOf(revision));
    });
    lifecycle.onStop('consumers', 'revisions', () => {
      this.#watch.close();
      this.#stream.close();
    });
    health.register({
      name: 'repository',
      groups: ['ready'],
      check: () => ({
        status: this.#watch.revision === undefined ? 'down' : 'up',
        details: { revision: this.#watch.revision ?? null, listeners: this.#stream.size },
      }),
    });
  }

  async onModuleInit(): Promise<void> {
    await this.#watch.start();
  }

  @Get('revisions')
  revisions(@Res() reply: FastifyReply): void {
    const { revision } = this.#watch;
    this.#stream.add(reply.raw, revision === undefined ? [] : [eventOf(revision)]);
    reply.hijack();
  }
}

const eventOf = (revision: string) => ({ event: 'revision', id: revision, data: { revision } });
