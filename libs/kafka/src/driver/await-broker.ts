import { backoffDelay, type Clock, type Random } from '@rookery/core';
import { reasonOf } from '../kafka.errors.js';
import type { KafkaAdmin, KafkaLog } from './kafka-driver.js';

/** What {@link awaitBroker} needs. */
export interface AwaitBrokerParts {
  readonly admin: KafkaAdmin;
  readonly brokers: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
}

const BACKOFF = { initialMs: 250, maxMs: 10_000 };

/**
 * Resolves when a broker answers; says once per try why none does and what to do about it.
 *
 * @throws AbortedError when `signal` aborts
 */
export async function awaitBroker(parts: AwaitBrokerParts, signal: AbortSignal): Promise<void> {
  const { admin, brokers, clock, random, log } = parts;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await admin.ping();
      if (attempt > 1) log('info', `kafka at ${brokers.join(', ')} answers`);
      return;
    } catch (error) {
      const delay = backoffDelay(attempt, BACKOFF, random);
      log(
        'warn',
        `kafka at ${brokers.join(', ')} does not answer (${reasonOf(error)}); ` +
          `start it or correct kafka.brokers; trying again in ${Math.round(delay)} ms`,
        { attempt },
      );
      await clock.sleep(delay, signal);
    }
  }
}
