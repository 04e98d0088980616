import { policyDecorator, type PolicyDecorator } from '../method/policy.decorator.js';
import type { BulkheadOptions } from './bulkhead.options.js';

/**
 * Bounds how many calls of the method run side by side. On a class: of all its methods together.
 *
 * @param name of the bulkhead, shared by all that give the same; configuration under
 *   `resilience.bulkhead.instances.<name>` wins over the options given here
 * @throws BulkheadFullError from the method, when there is no place in time
 */
export function Bulkhead(name: string, options?: BulkheadOptions): PolicyDecorator;
export function Bulkhead(options?: BulkheadOptions): PolicyDecorator;
export function Bulkhead(
  first?: string | BulkheadOptions,
  second?: BulkheadOptions,
): PolicyDecorator {
  return typeof first === 'string'
    ? policyDecorator({ kind: 'bulkhead', name: first, options: second })
    : policyDecorator({ kind: 'bulkhead', name: undefined, options: first });
}
