import type { HealthContributor } from '@rookery/core';
import type { ConsumerRuntime } from './consumer/consumer-runtime.js';
import type { Outbox } from './outbox/outbox.js';
import type { OutboxRelay } from './outbox/outbox-relay.js';

const STUCK_SECONDS = 60;

/**
 * Not ready until all groups were joined. An outbox that cannot send only degrades: the service
 * goes on, and its messages follow.
 */
export function messagingHealth(
  runtime: ConsumerRuntime,
  relay: OutboxRelay,
  outbox: Pick<Outbox, 'backlog'>,
): HealthContributor {
  return {
    name: 'messaging',
    groups: ['ready'],
    async check() {
      if (!runtime.joined) {
        return { status: 'down', details: { consumers: 'joining their groups' } };
      }
      const { pending, oldestSeconds } = await outbox.backlog();
      const stuck = oldestSeconds > STUCK_SECONDS || relay.lastError !== undefined;
      return {
        status: stuck ? 'degraded' : 'up',
        details: {
          outboxPending: pending,
          outboxOldestSeconds: Math.round(oldestSeconds),
          ...(relay.lastError === undefined ? {} : { outboxError: relay.lastError }),
        },
      };
    },
  };
}
