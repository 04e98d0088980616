import type { BatchContext, BatchFailure, BatchMessage } from '../batch/batch-message.js';
import type { DataOf, EventContract } from '../contract/contract.js';
import { bindHandler } from './handler-binding.js';
import type { HandlerOptions } from './handler.options.js';

/** Options of `@OnEvents`. */
export interface BatchHandlerOptions extends Omit<HandlerOptions, 'version' | 'onStale'> {
  readonly batch?: {
    /** Messages at once. @default 500 */
    readonly max?: number;
    /** How long the first message of a batch waits for others. @default '50ms' */
    readonly wait?: number | string;
  };
}

/**
 * Calls the method with many events of the contract at once, in one transaction that remembers them
 * all. It may return, or throw in a `BatchFailedError`, those that have failed and left no effects;
 * anything else it throws means that all have. What has failed is tried again by itself, in a batch
 * of one, as the options say, and what came after it of its key waits for it. A batch is of one
 * partition.
 *
 * @throws InvalidOptionError when the options are wrong
 */
export function OnEvents<C extends EventContract>(
  contract: C,
  options: BatchHandlerOptions = {},
): <
  T extends (
    messages: readonly BatchMessage<DataOf<C>>[],
    context: BatchContext,
  ) => void | readonly BatchFailure[] | Promise<void | readonly BatchFailure[]>,
>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  const given = { ...options, batch: options.batch ?? {} };
  return (target, method, descriptor) =>
    bindHandler(contract, given, target, method, descriptor, 'batches');
}
