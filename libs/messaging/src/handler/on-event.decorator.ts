import type { DataOf, EventContract } from '../contract/contract.js';
import { bindHandler } from './handler-binding.js';
import type { FieldOf, HandlerOptions, UsedOf } from './handler.options.js';
import type { MessageContext } from './message-context.js';

/**
 * Calls the method for every event of the contract, once in effect: within one transaction that
 * also remembers the event, so that a redelivery does nothing.
 *
 * @throws InvalidOptionError when the options are wrong
 */
export function OnEvent<C extends EventContract, const F extends FieldOf<DataOf<C>> = never>(
  contract: C,
  options: HandlerOptions<DataOf<C>, F> = {},
): <T extends (data: UsedOf<DataOf<C>, F>, context: MessageContext) => unknown>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method, descriptor) => bindHandler(contract, options, target, method, descriptor);
}
