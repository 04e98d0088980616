import {
  backoffDelay,
  AbortedError,
  InvalidOptionError,
  type Clock,
  type Random,
} from '@rookery/core';
import {
  reasonOf,
  type KafkaAdmin,
  type KafkaDriver,
  type KafkaLog,
  type TopicSpec,
} from '@rookery/kafka';
import type { BatchMessage, HandleBatch } from '../batch/batch-message.js';
import { handleOne } from '../batch/handle-one.js';
import type { DataOf, EventContract, MessageContract } from '../contract/contract.js';
import { isTopicName } from '../contract/topic-name.js';
import { deadLetterTopic } from '../envelope/header-names.js';
import {
  resolveHandlerOptions,
  type HandlerOptions,
  type ResolvedHandlerOptions,
  type ResolvedRetryPolicy,
} from '../handler/handler.options.js';
import type { ConsumerHandler } from './consumer-handler.js';
import {
  GroupConsumer,
  type GroupConsumerOptions,
  type GroupConsumerParts,
} from './group-consumer.js';
import type { MessageProcessor } from './message-processor.js';
import {
  MessagingRuntime,
  type BatchSubscription,
  type RecordSubscription,
  type Subscription,
  type TombstoneSubscription,
} from './messaging-runtime.js';
import { rawReader, type RawData } from './record-reader.js';
import { Slots } from './slots.js';

/** Settings of a {@link ConsumerRuntime}; durations in milliseconds. */
export interface ConsumerRuntimeOptions extends Omit<GroupConsumerOptions, 'group'> {
  /** The service's name, and the group of handlers that name none. */
  readonly service: string;
  readonly concurrency: number;
  readonly retry: ResolvedRetryPolicy;
  readonly handlerTimeoutMs: number;
  /** How topics that do not exist are made. */
  readonly topic: Omit<TopicSpec, 'topic'>;
}

/** What a {@link ConsumerRuntime} needs. */
export interface ConsumerRuntimeParts {
  readonly driver: KafkaDriver;
  readonly admin: KafkaAdmin;
  readonly processor: Pick<MessageProcessor, 'process' | 'unreadable'>;
  readonly batches: GroupConsumerParts['batches'];
  readonly onSkipped?: GroupConsumerParts['onSkipped'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
}

/** What a handler takes, and what it does with it. */
interface Taking extends Pick<ConsumerHandler, 'read' | 'tombstones' | 'handle' | 'topics'> {
  readonly contracts: readonly MessageContract[];
  readonly handleBatch?: HandleBatch;
}

const BACKOFF = { initialMs: 250, maxMs: 10_000 };

/** Collects the handlers of a service and runs one consumer per group. */
export class ConsumerRuntime extends MessagingRuntime {
  readonly #handlers = new Map<string, ConsumerHandler>();
  #groups: GroupConsumer[] | undefined;
  #joined = false;

  constructor(
    private readonly options: ConsumerRuntimeOptions,
    private readonly parts: ConsumerRuntimeParts,
  ) {
    super();
  }

  /** The groups that were joined. */
  get groups(): readonly GroupConsumer[] {
    return this.#groups ?? [];
  }

  /** Whether {@link start} has finished. */
  get joined(): boolean {
    return this.#joined;
  }

  /** The handler of a consumer. */
  handlerOf(consumer: string): ConsumerHandler | undefined {
    return this.#handlers.get(consumer);
  }

  handlersIn(group: string): ConsumerHandler[] {
    return [...this.#handlers.values()].filter((each) => each.group === group);
  }

  /** Under which names messages may have failed here: consumers, and their groups. */
  get names(): string[] {
    const handlers = [...this.#handlers.values()];
    return [...new Set(handlers.flatMap(({ consumer, group }) => [consumer, group]))];
  }

  /** Consumers that try parked messages by themselves. */
  get retrying(): string[] {
    const handlers = [...this.#handlers.values()];
    return handlers.filter(({ park }) => park !== undefined).map(({ consumer }) => consumer);
  }

  subscribe<C extends MessageContract>(subscription: Subscription<C>): void {
    const { contracts, handle, topics, ...options } = subscription;
    this.#add(options, {
      topics: topics ?? contracts.flatMap((each) => (each.kind === 'reply' ? [] : [each.topic])),
      contracts,
      handle: (data, context, contract) => handle(data as DataOf<C>, context, contract as C),
    });
  }

  subscribeRecords<T>(subscription: RecordSubscription<T>): void {
    const { topics, decode, handle, ...options } = subscription;
    this.#add(options, {
      topics,
      contracts: [],
      read: rawReader(decode),
      handle: (raw, context) => {
        const { data, record } = raw as RawData;
        return handle(data as T, context, record);
      },
    });
  }

  subscribeTombstones(subscription: TombstoneSubscription): void {
    const { event, handle, ...options } = subscription;
    this.#add(options, {
      topics: [event.topic],
      contracts: [event],
      tombstones: true,
      handle: (key, context) => handle(key as string, context),
    });
  }

  subscribeBatches<C extends EventContract>(subscription: BatchSubscription<C>): void {
    const { event, handle, batch = {}, ...options } = subscription;
    const { consumer } = options;
    const handleBatch: HandleBatch = (messages, context) =>
      handle(messages as readonly BatchMessage<DataOf<C>>[], context);
    this.#add(
      { ...options, batch },
      {
        topics: [event.topic],
        contracts: [event],
        handleBatch,
        handle: (data, context, contract) =>
          handleOne(consumer, handleBatch, data, context, contract),
      },
    );
  }

  /** Creates topics that are missing and joins all groups; keeps trying while no broker answers. */
  async start(signal: AbortSignal): Promise<void> {
    const byGroup = new Map<string, ConsumerHandler[]>();
    for (const handler of this.#handlers.values()) {
      byGroup.set(handler.group, [...(byGroup.get(handler.group) ?? []), handler]);
    }
    const slots = new Slots(this.options.concurrency);
    this.#groups = [...byGroup].map(
      ([group, handlers]) =>
        new GroupConsumer({ ...this.options, group }, { ...this.parts, slots }, handlers),
    );
    await this.#ensureTopics(signal);
    await Promise.all(this.#groups.map((group) => group.start(signal)));
    this.#joined = true;
  }

  /** Lets running handlers finish, commits, and leaves all groups. */
  async stop(): Promise<void> {
    await Promise.all(this.groups.map((group) => group.stop()));
  }

  #add(
    given: HandlerOptions & { readonly consumer: string; readonly batch?: object },
    taking: Taking,
  ): void {
    const { consumer } = given;
    const place = `consumer ${consumer}`;
    const options = resolveHandlerOptions(given, place);
    const problems = [...this.#problems(consumer, taking), ...contradictions(options)];
    if (problems.length > 0) throw new InvalidOptionError(place, problems);
    const { topics, contracts, handleBatch, ...how } = taking;
    const { batch } = options;
    if ((batch === undefined) !== (handleBatch === undefined)) {
      throw new InvalidOptionError(place, ['batch: is for handlers of batches only']);
    }
    this.#handlers.set(consumer, {
      ...how,
      consumer,
      group: options.group ?? this.options.service,
      topics: [...new Set(topics)],
      contracts: new Map(contracts.map((contract) => [contract.name, contract])),
      retry: options.retry ?? this.options.retry,
      concurrency: options.concurrency ?? this.options.concurrency,
      timeoutMs: options.timeout ?? this.options.handlerTimeoutMs,
      batch:
        batch === undefined || handleBatch === undefined
          ? undefined
          : { max: batch.max, waitMs: batch.wait, handle: handleBatch },
      effects: options.effects,
      ordered: options.ordered,
      onFailure: options.onFailure,
      park: options.park,
      version: options.version as ConsumerHandler['version'],
      onStale: options.onStale,
    });
  }

  #problems(consumer: string, { topics, contracts, read }: Taking): string[] {
    const problems: string[] = [];
    if (this.#groups !== undefined) problems.push('the service has started: subscribe before');
    if (this.#handlers.has(consumer)) {
      problems.push(`consumer: '${consumer}' is taken; name this handler by its option 'consumer'`);
    }
    if (contracts.length === 0 && read === undefined)
      problems.push('contracts: expected at least one');
    if (topics.length === 0) problems.push('topics: name them, because replies have none');
    for (const topic of topics) {
      if (!isTopicName(topic)) problems.push(`topics: '${topic}' is no name of a topic`);
    }
    return problems;
  }

  async #ensureTopics(signal: AbortSignal): Promise<void> {
    const { admin, clock, random, log } = this.parts;
    const names = [...new Set(this.groups.flatMap(({ topics }) => topics))];
    if (names.length === 0) return;
    const { topic: shape } = this.options;
    const specs = names.flatMap((topic) => [
      { topic, ...shape },
      { topic: deadLetterTopic(topic), ...shape, partitions: 1 },
    ]);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await admin.ensureTopics(specs);
        return;
      } catch (error) {
        if (signal.aborted) throw new AbortedError('start of consumers', error);
        const delay = backoffDelay(attempt, BACKOFF, random);
        log(
          'warn',
          `topics could not be created (${reasonOf(error)}); is kafka running, and may this ` +
            `service create topics? trying again in ${Math.round(delay)} ms`,
        );
        await clock.sleep(delay, signal);
      }
    }
  }
}

/** Options that make no sense together. */
function contradictions(options: ResolvedHandlerOptions): string[] {
  const { onFailure, ordered, park, version, effects } = options;
  const problems: string[] = [];
  if (version !== undefined && options.batch !== undefined) {
    problems.push('version: is for handlers of single messages');
  }
  if (onFailure === 'park' && !ordered) {
    problems.push("onFailure: 'park' keeps the order of a key; leave out ordered: false");
  }
  if (park !== undefined && onFailure !== 'park') {
    problems.push("park: needs onFailure: 'park'");
  }
  if (version !== undefined && effects !== 'once') {
    problems.push("version: is remembered with the effects; leave out effects: 'at-least-once'");
  }
  return problems;
}
