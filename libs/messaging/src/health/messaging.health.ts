import type { HealthContributor } from '@rookery/core';
import type { ConsumerRuntime } from '../consumer/consumer-runtime.js';
import type { Outbox } from '../outbox/outbox.js';
import type { OutboxRelay } from '../outbox/outbox-relay.js';
import type { Vitals } from './vitals.js';

/** What {@link messagingHealth} looks at. */
export interface MessagingHealthParts {
  readonly runtime: Pick<ConsumerRuntime, 'joined'>;
  readonly relay: Pick<OutboxRelay, 'lastError'>;
  readonly outbox: Pick<Outbox, 'backlog'>;
}

/**
 * Not ready until all groups were joined. An outbox that cannot send only degrades: the service
 * goes on, and its messages follow.
 *
 * @param alarmAfterMs age of the oldest message that was not sent from which on that is trouble
 */
export function messagingHealth(
  { runtime, relay, outbox }: MessagingHealthParts,
  alarmAfterMs: number,
): HealthContributor {
  return {
    name: 'messaging',
    groups: ['ready'],
    async check() {
      if (!runtime.joined) {
        return { status: 'down', details: { consumers: 'joining their groups' } };
      }
      const { pending, oldestSeconds } = await outbox.backlog();
      const stuck = oldestSeconds * 1_000 > alarmAfterMs || relay.lastError !== undefined;
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

/**
 * Down when a consumer is stuck, for liveness too: what a consumer waits for that has stopped
 * without an error is within this process, and a new one mends it.
 */
export function consumersHealth(vitals: Pick<Vitals, 'still'>): HealthContributor {
  return {
    name: 'consumers',
    groups: ['live', 'ready'],
    check() {
      const { still } = vitals;
      if (still.length === 0) return { status: 'up' };
      const status = still.some(({ wedged }) => wedged) ? 'down' : 'degraded';
      return { status, details: { still } };
    },
  };
}
