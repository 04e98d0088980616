import type { CommandContract, DataOf } from '../contract/contract.js';
import { bindHandler } from './handler-binding.js';
import type { FieldOf, HandlerOptions, UsedOf } from './handler.options.js';
import type { MessageContext } from './message-context.js';
import type { ReplyTo } from './reply.js';

/**
 * Calls the method for every command of the contract and sends back the reply it returns, in the
 * same transaction as its effects. Refuse by returning a reply whose outcome is `refusal`; a throw
 * means that the command could not be handled yet, and is retried.
 *
 * @throws InvalidOptionError when the options are wrong
 */
export function OnCommand<C extends CommandContract, const F extends FieldOf<DataOf<C>> = never>(
  contract: C,
  options: HandlerOptions<DataOf<C>, F> = {},
): <
  T extends (
    data: UsedOf<DataOf<C>, F>,
    context: MessageContext,
  ) => ReplyTo<C> | Promise<ReplyTo<C>>,
>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method, descriptor) => bindHandler(contract, options, target, method, descriptor);
}
