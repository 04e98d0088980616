import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { Lifecycle, type Clock } from '@rookery/core';
import { EventStream, type StreamEvent } from '@rookery/platform';
import { Public } from '@rookery/security';
import type { FastifyReply } from 'fastify';
import { readOptions } from '../console.options.js';
import { Fleet } from '../fleet/fleet.js';
import { Sagas } from '../sagas/sagas.js';
import { LiveState, type ChangeSet } from './live-state.js';
import { Watch } from './watch.js';

/**
 * The one stream that a page listens to, because a browser opens six connections to a host at most:
 * a `snapshot`, or what was missed since `Last-Event-ID`, then `changes`.
 */
@Controller('api/stream')
@Public()
export class LiveController {
  readonly #stream: EventStream;
  readonly #state: LiveState;
  readonly #watch: Watch;

  constructor(
    @Inject(ConfigStore) config: ConfigStore,
    @Inject(CLOCK) clock: Clock,
    @Inject(ServiceInfo) service: ServiceInfo,
    @Inject(Lifecycle) lifecycle: Lifecycle,
    fleet: Fleet,
    sagas: Sagas,
  ) {
    const { maxWatchers } = readOptions(config);
    this.#stream = new EventStream({ clock, maxClients: maxWatchers });
    this.#state = new LiveState(service.startedAt, (set) =>
      this.#stream.send(eventOf('changes', set)),
    );
    this.#watch = new Watch(
      this.#state,
      fleet,
      sagas,
      clock,
      () => readOptions(config).pollInterval,
      () => this.#stream.size > 0,
    );
    lifecycle.onStop('consumers', 'console stream', () => {
      this.#watch.close();
      this.#stream.close();
    });
  }

  @Get()
  stream(
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): void {
    const missed = this.#state.since(lastEventId)?.map((set) => eventOf('changes', set));
    const first = missed ?? [eventOf('snapshot', this.#state.snapshot())];
    this.#stream.add(reply.raw, first, headersOf(reply));
    reply.hijack();
    this.#watch.wake();
  }
}

const eventOf = (event: string, { id, changes }: ChangeSet): StreamEvent => ({
  event,
  id,
  data: changes,
});

/** What hooks set; a hijacked reply does not send it by itself. */
function headersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]),
  );
}
