import { policyDecorator, type PolicyDecorator } from '../method/policy.decorator.js';
import type { RetryOptions } from './retry.options.js';

/**
 * Repeats the method when it failed for a reason that may pass. Only for methods that may safely
 * run twice. On a class: each call of each method on its own.
 *
 * @param name of the policy; configuration under `resilience.retry.instances.<name>` wins over the
 *   options given here
 */
export function Retry(name: string, options?: RetryOptions): PolicyDecorator;
export function Retry(options?: RetryOptions): PolicyDecorator;
export function Retry(first?: string | RetryOptions, second?: RetryOptions): PolicyDecorator {
  return typeof first === 'string'
    ? policyDecorator({ kind: 'retry', name: first, options: second })
    : policyDecorator({ kind: 'retry', name: undefined, options: first });
}
