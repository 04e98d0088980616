import type { IncomingRecord } from '@rookery/kafka';
import type { DataOf, EventContract, MessageContract } from '../contract/contract.js';
import type { HandlerOptions } from '../handler/handler.options.js';
import type { BatchContext, BatchFailure, BatchMessage } from '../batch/batch-message.js';
import type { BatchHandlerOptions } from '../handler/on-events.decorator.js';
import type { MessageContext } from '../handler/message-context.js';
import type { Reply } from '../handler/reply.js';

/** A consumer made by code rather than by a decorator. */
export interface Subscription<C extends MessageContract = MessageContract> extends HandlerOptions<
  DataOf<C>
> {
  /** Unique within the service; handled messages are remembered under it. */
  readonly consumer: string;
  /** @default the topics of the contracts; replies have none, so name theirs */
  readonly topics?: readonly string[];
  readonly contracts: readonly C[];
  /** Handles a message as the options say. A reply it returns is sent. */
  readonly handle: (data: DataOf<C>, context: MessageContext, contract: C) => Promise<Reply | void>;
}

/** A consumer of records that no contract describes. */
export interface RecordSubscription<T = unknown> extends HandlerOptions {
  /** Unique within the service; handled records are remembered under it. */
  readonly consumer: string;
  readonly topics: readonly string[];
  /**
   * Makes data of a record. What it throws sends the record to the dead letters, with its bytes.
   * Records without a value get here as well.
   */
  readonly decode: (record: IncomingRecord) => T;
  /** Handles a record as the options say; `context.name` is the topic. */
  readonly handle: (data: T, context: MessageContext, record: IncomingRecord) => Promise<void>;
}

/** A consumer that is told when a key has ended. */
export interface TombstoneSubscription extends HandlerOptions {
  /** Unique within the service; handled tombstones are remembered under it. */
  readonly consumer: string;
  readonly event: EventContract;
  /** Handles a tombstone as the options say. */
  readonly handle: (key: string, context: MessageContext) => Promise<void>;
}

/** A consumer of many events at once. */
export interface BatchSubscription<
  C extends EventContract = EventContract,
> extends BatchHandlerOptions {
  /** Unique within the service; handled messages are remembered under it. */
  readonly consumer: string;
  readonly event: C;
  /** Handles a batch as the options say; returns the messages that have failed. */
  readonly handle: (
    messages: readonly BatchMessage<DataOf<C>>[],
    context: BatchContext,
  ) => Promise<void | readonly BatchFailure[]>;
}

/** Runs the consumers of a service. */
export abstract class MessagingRuntime {
  /**
   * Adds a consumer. Call it before the service has started, for example in `onModuleInit`.
   *
   * @throws InvalidOptionError when an option is wrong, the name is taken, or it is too late
   */
  abstract subscribe<C extends MessageContract>(subscription: Subscription<C>): void;

  /**
   * Adds a consumer of whole topics, whatever their records are. Call it before the service has
   * started.
   *
   * @throws InvalidOptionError when an option is wrong, the name is taken, or it is too late
   */
  abstract subscribeRecords<T>(subscription: RecordSubscription<T>): void;

  /**
   * Adds a consumer of tombstones: records without a value, which end a key. Call it before the
   * service has started.
   *
   * @throws InvalidOptionError when an option is wrong, the name is taken, or it is too late
   */
  abstract subscribeTombstones(subscription: TombstoneSubscription): void;

  /**
   * Adds a consumer of batches. Call it before the service has started.
   *
   * @throws InvalidOptionError when an option is wrong, the name is taken, or it is too late
   */
  abstract subscribeBatches<C extends EventContract>(subscription: BatchSubscription<C>): void;
}
