import type { DataOf, MessageContract } from '../contract/contract.js';
import type { HandlerOptions } from '../handler/handler.options.js';
import type { MessageContext } from '../handler/message-context.js';
import type { Reply } from '../handler/reply.js';

/** A consumer made by code rather than by a decorator. */
export interface Subscription<C extends MessageContract = MessageContract> extends HandlerOptions {
  /** Unique within the service; handled messages are remembered under it. */
  readonly consumer: string;
  /** @default the topics of the contracts; replies have none, so name theirs */
  readonly topics?: readonly string[];
  readonly contracts: readonly C[];
  /** Handles a message as the options say. A reply it returns is sent. */
  readonly handle: (data: DataOf<C>, context: MessageContext, contract: C) => Promise<Reply | void>;
}

/** Runs the consumers of a service. */
export abstract class MessagingRuntime {
  /**
   * Adds a consumer. Call it before the service has started, for example in `onModuleInit`.
   *
   * @throws InvalidOptionError when an option is wrong, the name is taken, or it is too late
   */
  abstract subscribe<C extends MessageContract>(subscription: Subscription<C>): void;
}
