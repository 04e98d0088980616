import type { CommandContract, DataOf, EventContract } from '../contract/contract.js';
import type { DelayOptions } from '../delay/due-time.js';

/**
 * Options of {@link MessagePublisher.publish}. A delayed message is stored with the transaction and
 * sent when its time has come by the database's clock, never before; those of one key in the order
 * of their times.
 */
export interface PublishOptions extends DelayOptions {
  /**
   * Give one when publishing again must not have another effect, or to cancel a delayed message.
   * @default a new UUIDv7
   */
  readonly id?: string;
  /** Further headers. Names that begin with `ce_` or `rk_` belong to the platform. */
  readonly headers?: Readonly<Record<string, string>>;
  /** @default the correlation id of the current request or message, else the message's id */
  readonly correlationId?: string;
  /** @default the id of the message that is being handled */
  readonly causationId?: string;
}

/** Options of {@link MessagePublisher.send}. */
export interface SendOptions extends PublishOptions {
  /** The topic that the reply goes to; without one, nobody waits for a reply. */
  readonly replyTo?: string;
  /** The key of the reply's record. @default the command's key */
  readonly replyKey?: string;
}

/**
 * Publishes messages through the transactional outbox: they are sent if, and only if, the current
 * transaction commits. Outside of a transaction each call is one of its own. Messages of one key
 * arrive in the order published, provided that their writers exclude each other, as they do when
 * each locks or updates the aggregate's row before it publishes.
 */
export abstract class MessagePublisher {
  /**
   * Publishes an event.
   *
   * @throws ContractViolationError before anything is written, when the data does not fit
   * @throws MessageTooLargeError when its JSON exceeds `messaging.maxMessageSize`
   * @throws InvalidOptionError when an option is wrong, for example a delay longer than allowed
   */
  abstract publish<C extends EventContract>(
    event: C,
    data: DataOf<C>,
    options?: PublishOptions,
  ): Promise<void>;

  /**
   * Publishes a tombstone: that the key has ended, and that compaction may forget its events.
   *
   * @throws InvalidOptionError when the key is empty
   */
  abstract tombstone(event: EventContract, key: string, options?: PublishOptions): Promise<void>;

  /**
   * Sends a command; its reply arrives at `options.replyTo` with `inReplyTo` set to its id.
   *
   * @throws ContractViolationError before anything is written, when the data does not fit
   * @throws MessageTooLargeError when its JSON exceeds `messaging.maxMessageSize`
   * @throws InvalidOptionError when an option is wrong, for example a delay longer than allowed
   */
  abstract send<C extends CommandContract>(
    command: C,
    data: DataOf<C>,
    options: SendOptions,
  ): Promise<void>;

  /**
   * Takes back a message that waits for its time, if the current transaction commits. Outside of
   * one, at once.
   *
   * @param id the `id` it was published with
   * @returns false when it is not waiting any more: it was sent, cancelled, or never there
   */
  abstract cancelDelayed(id: string): Promise<boolean>;
}
