import { policyDecorator, type PolicyDecorator } from '../method/policy.decorator.js';
import type { CircuitBreakerOptions } from './circuit-breaker.options.js';

/**
 * Stops calling the method while it keeps failing. On a class: one breaker for all its methods.
 *
 * @param name of the breaker, shared by all that give the same; configuration under
 *   `resilience.circuitbreaker.instances.<name>` wins over the options given here
 * @throws CircuitOpenError from the method, while the breaker is open
 */
export function CircuitBreaker(name: string, options?: CircuitBreakerOptions): PolicyDecorator;
export function CircuitBreaker(options?: CircuitBreakerOptions): PolicyDecorator;
export function CircuitBreaker(
  first?: string | CircuitBreakerOptions,
  second?: CircuitBreakerOptions,
): PolicyDecorator {
  return typeof first === 'string'
    ? policyDecorator({ kind: 'circuit-breaker', name: first, options: second })
    : policyDecorator({ kind: 'circuit-breaker', name: undefined, options: first });
}
