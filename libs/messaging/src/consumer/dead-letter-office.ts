import type { Clock, Random } from '@rookery/core';
import { backoffDelay, type IncomingRecord, type KafkaLog } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import type { Inbox } from '../inbox/inbox.js';
import type { Outbox } from '../outbox/outbox.js';
import { placeOf } from './arrival.js';
import { deadLetter } from './dead-letter.js';

/** What a {@link DeadLetterOffice} needs. */
export interface DeadLetterOfficeParts {
  readonly host: TransactionHost;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly onDeadLetter: (topic: string, reason: string) => void;
}

/** A record that is given up, and why. */
export interface GivenUp {
  /** Under which the consumer remembers the message. */
  readonly id: string;
  readonly group: string;
  readonly consumer: string;
  readonly reason: string;
  readonly error: unknown;
  readonly attempts: number;
}

/** Pauses while the database is away. */
export const OUTAGE_BACKOFF = { initialMs: 100, maxMs: 5_000 };

/**
 * Writes dead letters through the outbox, in the transaction that remembers the message: there is
 * one letter, and the record is not tried again however often it arrives.
 */
export class DeadLetterOffice {
  constructor(private readonly parts: DeadLetterOfficeParts) {}

  /** Resolves with nothing, or with a pause in milliseconds when the letter could not be written. */
  async take(
    record: IncomingRecord,
    givenUp: GivenUp,
    progress: { outages: number },
  ): Promise<number | undefined> {
    const { host, inbox, outbox, clock, random, log, onDeadLetter } = this.parts;
    const { id, consumer, reason, error, attempts } = givenUp;
    const { topic, partition, offset } = record;
    const letter = deadLetter(record, { ...givenUp, now: clock.now() });
    const where = { consumer, messageId: id, topic, partition, offset };
    try {
      const written = await host.run(
        async () => {
          if (!(await inbox.giveUp(consumer, id, placeOf(record)))) return false;
          await outbox.add(letter);
          return true;
        },
        { propagation: 'requires-new' },
      );
      if (!written) return undefined;
      onDeadLetter(topic, reason);
      const tries = attempts === 0 ? '' : ` after ${attempts} tries`;
      log('error', `${id} was written to ${letter.topic}${tries}: ${reason}`, {
        ...where,
        err: error,
      });
      return undefined;
    } catch (failure) {
      progress.outages += 1;
      log('warn', `${id} could not be written to ${letter.topic}`, { ...where, err: failure });
      return backoffDelay(progress.outages, OUTAGE_BACKOFF, random);
    }
  }
}
