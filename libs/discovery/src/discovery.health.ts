import type { HealthContributor } from '@rookery/core';
import type { Registration } from './registration/registration.js';
import type { ServiceRegistry } from './registry/service-registry.js';

/**
 * Degraded while the registry is away: the service goes on with the last view, and others with
 * theirs. Never down, or one failure of the registry would empty the fleet.
 */
export function discoveryHealth(
  registry: ServiceRegistry,
  registration: Registration,
): HealthContributor {
  return {
    name: 'discovery',
    groups: ['ready'],
    check: () => {
      const { state, confirmedAt, problem } = registry.freshness;
      const registered = ['registered', 'off', 'cancelled'].includes(registration.state);
      return {
        status: state === 'fresh' && registered ? 'up' : 'degraded',
        details: {
          registration: registration.state,
          services: registry.services().length,
          ...(confirmedAt === undefined
            ? {}
            : { confirmedAt: new Date(confirmedAt).toISOString() }),
          ...(problem === undefined ? {} : { problem }),
        },
      };
    },
  };
}
