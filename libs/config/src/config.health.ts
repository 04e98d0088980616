import type { HealthContributor } from '@rookery/core';
import type { ConfigStore } from './store/config-store.js';

/** Degraded while the configuration cannot be refreshed: the service runs on, on what it has. */
export function configHealth(store: ConfigStore): HealthContributor {
  return {
    name: 'config',
    groups: ['ready'],
    check: () => ({
      status: store.failure === undefined ? 'up' : 'degraded',
      details: {
        revision: store.snapshot.revision,
        profile: store.profile,
        ...(store.failure === undefined ? {} : { problem: store.failure.message }),
      },
    }),
  };
}
