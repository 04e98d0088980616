import { toMilliseconds, type Duration } from '@rookery/core';
import { policyDecorator, type PolicyDecorator } from '../method/policy.decorator.js';
import type { TimeoutOptions } from './timeout.options.js';

/**
 * Gives an attempt of the method up after a while. What runs within finds the limit as deadline and
 * signal of its request context.
 *
 * @param first a duration (`'800ms'`, or milliseconds), or the name of the policy; configuration
 *   under `resilience.timeout.instances.<name>` wins over the options given here
 * @throws TimeoutError from the method, when it takes too long
 */
export function Timeout(first: Duration | string, options?: TimeoutOptions): PolicyDecorator;
export function Timeout(options?: TimeoutOptions): PolicyDecorator;
export function Timeout(
  first?: Duration | string | TimeoutOptions,
  second?: TimeoutOptions,
): PolicyDecorator {
  if (typeof first === 'object' || first === undefined) {
    return policyDecorator({ kind: 'timeout', name: undefined, options: first });
  }
  return isDuration(first)
    ? policyDecorator({ kind: 'timeout', name: undefined, options: { duration: first } })
    : policyDecorator({ kind: 'timeout', name: first, options: second });
}

function isDuration(value: Duration | string): value is Duration {
  if (typeof value === 'number') return true;
  // '800 ms' is a slip, not the name of a policy: anything that begins like a number is a duration.
  return /^[\d.+-]/.test(value) && toMilliseconds(value) >= 0;
}
