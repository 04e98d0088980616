import { policyDecorator, type PolicyDecorator } from '../method/policy.decorator.js';
import type { ErrorClass } from '../outcome/error-matcher.js';

/**
 * Answers instead of the method when it fails. Several may stand on one method: the one for the
 * nearest class of the error answers, and an error that none is for passes through.
 *
 * @param handler name of a method of the same class, or a function; called with the arguments of
 *   the call and then the error
 * @param options `on`: the classes of errors it is for; default every error
 */
export function Fallback(
  handler: string | ((...args: never[]) => unknown),
  options: { readonly on?: readonly ErrorClass[] } = {},
): PolicyDecorator {
  return policyDecorator({ kind: 'fallback', handler, on: options.on });
}
