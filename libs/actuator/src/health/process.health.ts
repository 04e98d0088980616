import { setImmediate } from 'node:timers/promises';
import type { HealthContributor, HealthResult, Lifecycle } from '@rookery/core';
import type { Liveness } from './liveness.js';

/** Up once the service has started completely. */
export function lifecycleHealth(lifecycle: Lifecycle): HealthContributor {
  return {
    name: 'lifecycle',
    groups: ['ready', 'startup'],
    check: (): HealthResult => {
      const phase = lifecycle.stopping ? 'stopping' : lifecycle.started ? 'started' : 'starting';
      return { status: lifecycle.started ? 'up' : 'down', details: { phase } };
    },
  };
}

/**
 * Down when the process has failed for good, or when its event loop is so late that it is as good
 * as hung. A loop that stands still altogether answers no probe at all.
 */
export function livenessHealth(liveness: Liveness, maxDelayMs: number): HealthContributor {
  return {
    name: 'process',
    groups: ['live'],
    check: async (): Promise<HealthResult> => {
      if (liveness.failure !== undefined) {
        return { status: 'down', details: { reason: liveness.failure } };
      }
      const asked = performance.now();
      await setImmediate();
      const eventLoopDelayMs = Math.round(performance.now() - asked);
      return {
        status: eventLoopDelayMs > maxDelayMs ? 'down' : 'up',
        details: { eventLoopDelayMs },
      };
    },
  };
}
