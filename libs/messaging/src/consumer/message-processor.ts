import { backoffDelay, type Clock, type Random } from '@rookery/core';
import type { IncomingRecord, KafkaLog } from '@rookery/kafka';
import type { Tracing } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import { typeOf } from '../envelope/envelope.js';
import type { Inbox } from '../inbox/inbox.js';
import { UnreadableRecordError } from '../messaging.errors.js';
import type { Outbox } from '../outbox/outbox.js';
import type { FailedMessages } from '../parking/failed-messages.js';
import { ParkingLot } from '../parking/parking-lot.js';
import type { MessageWriter } from '../publish/message-writer.js';
import { arrivalOf } from './arrival.js';
import type { ConsumerHandler } from './consumer-handler.js';
import { DeadLetterOffice, OUTAGE_BACKOFF } from './dead-letter-office.js';
import type { Delivery } from './delivery.js';
import { HandlerRun, type Ended } from './handler-run.js';
import { failureKind, retryDelay } from './retry-decision.js';

/** What became of one try to handle a message. */
export type Outcome = Ended | 'retried' | 'dead-lettered' | 'parked';

/** Hears what consumers do. */
export interface ProcessorListener {
  onOutcome(consumer: string, outcome: Outcome, seconds: number): void;
  onDeadLetter(topic: string, reason: string): void;
}

/** What a {@link MessageProcessor} needs. */
export interface MessageProcessorParts {
  readonly service: string;
  readonly host: TransactionHost;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly failures: FailedMessages;
  readonly writer: Pick<MessageWriter, 'answer'>;
  readonly tracing: Pick<Tracing, 'run' | 'extract'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly listener: ProcessorListener;
}

/** What is remembered of a message between tries. */
export interface Progress {
  /** Tries that count. */
  attempts: number;
  /** Times that the database was away. */
  outages: number;
}

/**
 * Handles one message with one handler, as often as its policy says. What fails in the end is parked
 * or written to the dead letters, in a transaction, so that this happens once and there are no more
 * tries.
 */
export class MessageProcessor {
  readonly #run: HandlerRun;
  readonly #deadLetters: DeadLetterOffice;
  readonly #parking: ParkingLot;

  constructor(private readonly parts: MessageProcessorParts) {
    this.#run = new HandlerRun(parts);
    this.#parking = new ParkingLot(parts);
    this.#deadLetters = new DeadLetterOffice({
      ...parts,
      onDeadLetter: (topic, reason) => parts.listener.onDeadLetter(topic, reason),
    });
  }

  /**
   * One try. Resolves with the pause before the next one, or with nothing when it is over.
   *
   * @param assignment aborts when the partition goes to another instance
   */
  async process(
    handler: ConsumerHandler,
    delivery: Delivery,
    progress: Progress,
    assignment: AbortSignal,
  ): Promise<number | undefined> {
    const { clock, listener } = this.parts;
    const start = clock.monotonic();
    const tell = (outcome: Outcome): void =>
      listener.onOutcome(handler.consumer, outcome, (clock.monotonic() - start) / 1_000);
    try {
      const held =
        handler.onFailure === 'park'
          ? await this.#parking.hold(handler, incoming(delivery), assignment)
          : 'free';
      if (typeof held === 'number') return held;
      if (held === 'stored') {
        tell('parked');
        return undefined;
      }
      const message = delivery.read();
      if (message instanceof UnreadableRecordError) {
        return await this.#unreadable(handler, delivery, progress, assignment);
      }
      const { record } = delivery;
      const how = await this.#run.once(handler, {
        record,
        message,
        attempt: progress.attempts + 1,
        arrival: arrivalOf(record, message),
        cancel: assignment,
      });
      // It may have been parked by an instance that was late to notice that the partition had moved.
      if (how === 'duplicate') await this.#parking.suspect(handler, record, assignment);
      tell(how);
      return undefined;
    } catch (error) {
      const seconds = (clock.monotonic() - start) / 1_000;
      return this.fail(handler, delivery, progress, assignment, error, seconds);
    }
  }

  /** Goes on after a try that has failed, also elsewhere; resolves as {@link process} does. */
  async fail(
    handler: ConsumerHandler,
    delivery: Delivery,
    progress: Progress,
    assignment: AbortSignal,
    error: unknown,
    seconds = 0,
  ): Promise<number | undefined> {
    const tell = (outcome: Outcome): void =>
      this.parts.listener.onOutcome(handler.consumer, outcome, seconds);
    // The partition has moved on: its new owner handles the message.
    if (assignment.aborted) return undefined;
    const again = await this.#failed(handler, delivery, progress, error);
    const parks = handler.onFailure === 'park';
    if (again !== undefined) tell('retried');
    else {
      if (parks) await this.#parking.suspect(handler, delivery.record, assignment);
      tell(parks ? 'parked' : 'dead-lettered');
    }
    return again;
  }

  /** Whether messages of the key may be parked, behind which the record has to wait. */
  mayBeHeld(
    handler: ConsumerHandler,
    record: IncomingRecord,
    assignment: AbortSignal,
  ): Promise<boolean> {
    return this.#parking.mayHold(handler, record, assignment);
  }

  /** Writes a record that nobody here can read to the dead letters. */
  async unreadable(
    group: string,
    delivery: Delivery,
    progress: Progress,
  ): Promise<number | undefined> {
    const error = delivery.read();
    if (!(error instanceof UnreadableRecordError)) return undefined;
    const { id, type, record } = incoming(delivery);
    const failure = { id, type, group, consumer: group, reason: error.reason, error };
    return this.#deadLetters.take(
      record,
      { ...failure, messageId: id, status: 'dead', attempts: 0, retryInMs: undefined },
      progress,
    );
  }

  /** One that a handler would have taken: if it parks, the key waits for a release that can read it. */
  async #unreadable(
    handler: ConsumerHandler,
    delivery: Delivery,
    progress: Progress,
    assignment: AbortSignal,
  ): Promise<number | undefined> {
    if (handler.onFailure !== 'park') return this.unreadable(handler.group, delivery, progress);
    const error = delivery.read() as UnreadableRecordError;
    const again = await this.#giveUp(handler, delivery, progress, error.reason, error);
    if (again !== undefined) return again;
    await this.#parking.suspect(handler, delivery.record, assignment);
    this.parts.listener.onOutcome(handler.consumer, 'parked', 0);
    return undefined;
  }

  async #failed(
    handler: ConsumerHandler,
    delivery: Delivery,
    progress: Progress,
    error: unknown,
  ): Promise<number | undefined> {
    const { random, log } = this.parts;
    const { consumer, retry } = handler;
    const { id, type, record } = incoming(delivery);
    const kind = failureKind(error);
    const where = { consumer, messageId: id, topic: record.topic, key: String(record.key) };
    const what = `${type} (${id}) in ${consumer}`;
    if (kind === 'outage') {
      progress.outages += 1;
      const delay = backoffDelay(progress.outages, OUTAGE_BACKOFF, random);
      if (progress.outages === 1)
        log('warn', `${what} waits for the database`, { ...where, err: error });
      return delay;
    }
    progress.attempts += 1;
    if (kind === 'transient' && progress.attempts < retry.attempts) {
      const delay = retryDelay(retry, progress.attempts, random);
      const tries = `try ${progress.attempts} of ${retry.attempts}`;
      log('warn', `${what} failed, ${tries}; again in ${Math.round(delay)} ms`, {
        ...where,
        err: error,
      });
      return delay;
    }
    const reason = kind === 'permanent' ? 'not-retryable' : 'retries-exhausted';
    return this.#giveUp(handler, delivery, progress, reason, error);
  }

  #giveUp(
    { consumer, group, onFailure, park }: ConsumerHandler,
    delivery: Delivery,
    progress: Progress,
    reason: string,
    error: unknown,
  ): Promise<number | undefined> {
    const { id, type, record } = incoming(delivery);
    const { attempts } = progress;
    return this.#deadLetters.take(
      record,
      {
        status: onFailure === 'park' ? 'parked' : 'dead',
        consumer,
        group,
        messageId: id,
        type,
        reason,
        error,
        attempts,
        retryInMs: onFailure === 'park' ? park?.retry.initial : undefined,
      },
      progress,
    );
  }
}

function incoming(delivery: Delivery): {
  id: string;
  type: string | undefined;
  record: IncomingRecord;
} {
  const { record } = delivery;
  const message = delivery.read();
  if (!(message instanceof UnreadableRecordError)) {
    return { id: message.envelope.id, type: message.contract.name, record };
  }
  // With the time, because a topic that is made anew counts from 0 again.
  const id = `${record.topic}/${record.partition}/${record.offset}@${record.timestamp}`;
  return { id, type: typeOf(record), record };
}
