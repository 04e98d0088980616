import { MetadataScanner } from '@nestjs/core';
import { Transport } from '@nestjs/microservices/enums/transport.enum';
import { ListenerMetadataExplorer } from '@nestjs/microservices/listener-metadata-explorer';
import { InvalidOptionError } from '@rookery/core';
import type { IncomingRecord } from '@rookery/kafka';
import type { MessagingRuntime } from '../consumer/messaging-runtime.js';
import { isTopicName } from '../contract/topic-name.js';
import { resolveHandlerOptions, type HandlerOptions } from '../handler/handler.options.js';
import type { Invoke, NestPipeline } from '../handler/nest-pipeline.providers.js';
import type { ResolvedNestTransportOptions } from './nest-transport.options.js';
import { requestOf } from './nest-request.js';
import type { RequestDesk } from './request-desk.js';
import { RookeryKafkaContext } from './rookery-kafka-context.providers.js';

/** What {@link PatternHandlers} need. */
export interface PatternHandlersParts {
  readonly pipeline: NestPipeline;
  readonly runtime: MessagingRuntime;
  readonly desk: RequestDesk;
  readonly service: string;
  /** Tries of handlers that say nothing. */
  readonly attempts: number;
}

type Listener = NonNullable<ReturnType<ListenerMetadataExplorer['exploreMethodMetadata']>>;

/**
 * Finds methods with `@EventPattern` and `@MessagePattern` and makes each a consumer of its own, so
 * that none shares the fate of another. Nest's handler functions are not used: they turn every
 * error into "Internal server error" before anybody could decide what to do about it.
 */
export class PatternHandlers {
  constructor(
    private readonly parts: PatternHandlersParts,
    private readonly options: ResolvedNestTransportOptions,
  ) {}

  /**
   * Hands all handlers to the runtime.
   *
   * @throws InvalidOptionError when a pattern is no topic, an option is wrong, or two have one name
   */
  subscribe(): void {
    const explorer = new ListenerMetadataExplorer(new MetadataScanner());
    for (const { wrapper, instance, name } of this.parts.pipeline.methods()) {
      const prototype = Object.getPrototypeOf(instance) as object;
      const listener = explorer.exploreMethodMetadata(instance, prototype, name);
      if (listener === undefined) continue;
      const { transport } = listener as { transport?: unknown };
      if (transport !== undefined && transport !== Transport.KAFKA) continue;
      const invoke = this.parts.pipeline.invocation(wrapper, instance, name);
      this.#bind(`${instance.constructor.name}.${name}`, listener, invoke);
    }
  }

  #bind(method: string, listener: Listener, invoke: Invoke): void {
    const { runtime, service, desk } = this.parts;
    const place = `${listener.isEventHandler ? '@EventPattern' : '@MessagePattern'} on ${method}`;
    const extras = (listener.extras ?? {}) as { handler?: HandlerOptions };
    const given = { ...this.options.handler, ...extras.handler };
    const { consumer = method, group = this.options.group, ...how } = given as HandlerOptions;
    const { retry } = resolveHandlerOptions(how, place);
    const policy = {
      consumer,
      group: group ?? service,
      attempts: retry?.attempts ?? this.parts.attempts,
    };
    runtime.subscribeRecords({
      ...how,
      consumer,
      ...(group === undefined ? {} : { group }),
      topics: topicsOf(listener.patterns, place),
      decode: (record) => this.#decode(record),
      handle: async (payload, context, record) => {
        const handle = (): Promise<unknown> =>
          invoke(payload, new RookeryKafkaContext(payload, record, context));
        const request = listener.isEventHandler ? undefined : requestOf(context.headers);
        if (request === undefined) await handle();
        else await desk.answer(request, policy, context, handle);
      },
    });
  }

  #decode(record: IncomingRecord): unknown {
    if (record.value === null) return null;
    return (this.options.codecs[record.topic] ?? this.options.codec).decode(record.value, record);
  }
}

function topicsOf(patterns: readonly unknown[], place: string): string[] {
  const wrong = patterns.filter((each) => typeof each !== 'string' || !isTopicName(each));
  if (wrong.length === 0) return patterns as string[];
  throw new InvalidOptionError(
    place,
    wrong.map((each) => `pattern: ${show(each)} is not allowed, expected the name of a topic`),
  );
}

function show(pattern: unknown): string {
  return pattern instanceof RegExp ? String(pattern) : JSON.stringify(pattern);
}
