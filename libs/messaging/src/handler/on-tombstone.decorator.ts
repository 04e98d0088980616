import type { EventContract } from '../contract/contract.js';
import { bindHandler } from './handler-binding.js';
import type { HandlerOptions } from './handler.options.js';
import type { MessageContext } from './message-context.js';

/**
 * Calls the method, with the key, for every tombstone on the topic of the event: a record without a
 * value, which says that the key has ended and that compaction may forget it. One that says of
 * which event it is reaches the handlers of that event, others all on the topic. Without a handler
 * tombstones are skipped and counted.
 *
 * @throws InvalidOptionError when the options are wrong
 */
export function OnTombstone(
  event: EventContract,
  options: HandlerOptions = {},
): <T extends (key: string, context: MessageContext) => unknown>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method, descriptor) =>
    bindHandler(event, options, target, method, descriptor, 'tombstones');
}
