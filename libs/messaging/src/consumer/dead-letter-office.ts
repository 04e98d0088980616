import { backoffDelay, type Clock, type Random } from '@rookery/core';
import type { IncomingRecord, KafkaLog } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import type { Inbox } from '../inbox/inbox.js';
import type { Outbox } from '../outbox/outbox.js';
import type { FailedMessages, Failure } from '../parking/failed-messages.js';
import { KEY_IN_USE_MS } from '../parking/parking-lot.js';
import { placeOf } from './arrival.js';
import { deadLetter } from './dead-letter.js';

/** What a {@link DeadLetterOffice} needs. */
export interface DeadLetterOfficeParts {
  readonly service: string;
  readonly host: TransactionHost;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly failures: FailedMessages;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly onDeadLetter: (topic: string, reason: string) => void;
}

/** Pauses while the database is away. */
export const OUTAGE_BACKOFF = { initialMs: 100, maxMs: 5_000 };

/**
 * Takes what a consumer gives up, in the transaction that remembers the message, so that it is not
 * tried again however often it arrives: a dead letter goes out through the outbox, a parked message
 * stays here and its key waits.
 */
export class DeadLetterOffice {
  constructor(private readonly parts: DeadLetterOfficeParts) {}

  /** Resolves with nothing, or with a pause in milliseconds when it could not be written. */
  async take(
    record: IncomingRecord,
    failure: Failure,
    progress: { outages: number },
  ): Promise<number | undefined> {
    const { service, clock, random, log, onDeadLetter } = this.parts;
    const { messageId: id, consumer, reason, error, attempts } = failure;
    const { topic, partition, offset } = record;
    const letter = deadLetter(record, { ...failure, now: clock.now() });
    const where = { consumer, messageId: id, topic, partition, offset };
    const parked = failure.status === 'parked';
    const to = parked ? 'the parked messages' : letter.topic;
    try {
      const row = await this.#write(record, failure, letter);
      if (row === 'busy') return KEY_IN_USE_MS;
      if (row === undefined) return undefined;
      if (!parked) onDeadLetter(topic, reason);
      const tries = attempts === 0 ? '' : ` after ${attempts} tries`;
      const done = parked ? 'was parked and its key waits' : `was written to ${letter.topic}`;
      log(
        'error',
        `${id} ${done}${tries}: ${reason}; see rookery messages show ${service}/${row}`,
        {
          ...where,
          err: error,
        },
      );
      return undefined;
    } catch (cause) {
      progress.outages += 1;
      log('warn', `${id} could not be written to ${to}`, { ...where, err: cause });
      return backoffDelay(progress.outages, OUTAGE_BACKOFF, random);
    }
  }

  /** The id of the row, nothing when the message was given up before, or that its key is in use. */
  #write(
    record: IncomingRecord,
    failure: Failure,
    letter: ReturnType<typeof deadLetter>,
  ): Promise<string | undefined> {
    const { host, inbox, outbox, failures } = this.parts;
    const { consumer, messageId, status } = failure;
    const { key, topic } = record;
    return host.run(
      async () => {
        if (status === 'parked' && key !== null) {
          if (!(await failures.tryLock({ consumer, topic, key }))) return 'busy';
        }
        if (!(await inbox.giveUp(consumer, messageId, placeOf(record)))) return undefined;
        const row = await failures.add(record, failure);
        if (status === 'dead') await outbox.add(letter);
        return row;
      },
      { propagation: 'requires-new' },
    );
  }
}
