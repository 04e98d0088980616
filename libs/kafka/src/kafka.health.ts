import type { Clock, HealthContributor, HealthResult } from '@rookery/core';
import { reasonOf } from './kafka.errors.js';
import type { KafkaAdmin, KafkaDriver } from './driver/kafka-driver.js';

const FRESH_MS = 2_000;

/**
 * Whether a broker answers. Not ready until one has; from then on an outage only degrades, because
 * the outbox goes on taking messages and sends them when the broker is back.
 */
export function brokerHealth(admin: KafkaAdmin, clock: Clock): HealthContributor {
  let seen = false;
  let last: { at: number; result: Promise<HealthResult> } | undefined;
  const ask = async (): Promise<HealthResult> => {
    try {
      await admin.ping();
      seen = true;
      return { status: 'up' };
    } catch (error) {
      return { status: seen ? 'degraded' : 'down', details: { error: reasonOf(error) } };
    }
  };
  return {
    name: 'kafka',
    groups: ['ready'],
    check: () => {
      if (last === undefined || clock.monotonic() - last.at > FRESH_MS) {
        last = { at: clock.monotonic(), result: ask() };
      }
      return last.result;
    },
  };
}

/** Whether consumers run. One that has given up needs a new process, which `live` asks for. */
export function consumerHealth(driver: KafkaDriver): HealthContributor {
  return {
    name: 'kafka-consumers',
    groups: ['live', 'ready'],
    check: () => {
      const ill = driver.consumers.filter(
        ({ state }) => state === 'failed' || state === 'restarting',
      );
      const failed = ill.some(({ state }) => state === 'failed');
      const details = Object.fromEntries(
        ill.map(({ group, state, crashes, lastError }) => [group, { state, crashes, lastError }]),
      );
      return { status: failed ? 'down' : ill.length > 0 ? 'degraded' : 'up', details };
    },
  };
}
