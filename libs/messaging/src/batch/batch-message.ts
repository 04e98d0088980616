import type { MessageContract } from '../contract/contract.js';
import type { MessageContext } from '../handler/message-context.js';

/** One message of a batch. */
export interface BatchMessage<D = unknown> {
  readonly data: D;
  readonly context: MessageContext;
  /**
   * Runs `fn` as part of handling this message: what it publishes has the message's correlation and
   * names it as its cause.
   */
  within<T>(fn: () => T): T;
}

/** What a handler of batches knows besides the messages. */
export interface BatchContext {
  /** Aborts when the handler's time is over, or its partition went to another instance. */
  readonly signal: AbortSignal;
}

/** A message of a batch that could not be handled, and why. */
export interface BatchFailure {
  readonly message: BatchMessage;
  readonly error: unknown;
}

/**
 * Handles a batch. It returns, or throws in a `BatchFailedError`, the messages that have failed and
 * left no effects; anything else it throws means that all have failed.
 */
export type HandleBatch = (
  messages: readonly BatchMessage[],
  context: BatchContext,
  contract: MessageContract,
) => Promise<unknown>;

/** How messages are gathered, in milliseconds. */
export interface BatchSize {
  readonly max: number;
  readonly waitMs: number;
}
