import { Deadline, runInContext, type Clock, type Random } from '@rookery/core';
import { backoffDelay, type IncomingRecord, type KafkaLog } from '@rookery/kafka';
import type { Tracing } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import type { MessageContext } from '../handler/message-context.js';
import { messageContext } from './message-context-of.js';
import type { Inbox } from '../inbox/inbox.js';
import { HandlerTimeoutError, UnreadableRecordError } from '../messaging.errors.js';
import type { Outbox } from '../outbox/outbox.js';
import { whileHandling } from '../publish/current-message.js';
import type { MessageWriter } from '../publish/message-writer.js';
import { Answers } from './answers.js';
import { arrivalOf } from './arrival.js';
import type { ConsumerHandler } from './consumer-handler.js';
import { DeadLetterOffice, OUTAGE_BACKOFF } from './dead-letter-office.js';
import type { Delivery, Message } from './delivery.js';
import { failureKind, retryDelay } from './retry-decision.js';

/** What became of one try to handle a message. */
export type Outcome = 'handled' | 'duplicate' | 'retried' | 'dead-lettered';

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
 * Handles one message with one handler: a transaction that remembers the message, runs the handler
 * and sends its reply. What fails is tried again, and in the end written to the dead letters, again
 * in a transaction, so that there is one dead letter and no more tries.
 */
export class MessageProcessor {
  readonly #deadLetters: DeadLetterOffice;
  readonly #answers: Answers;

  constructor(private readonly parts: MessageProcessorParts) {
    this.#answers = new Answers(parts.inbox, parts.writer);
    this.#deadLetters = new DeadLetterOffice({
      ...parts,
      onDeadLetter: (topic, reason) => parts.listener.onDeadLetter(topic, reason),
    });
  }

  /** One try. Resolves with the pause before the next one, or with nothing when it is over. */
  async process(
    handler: ConsumerHandler,
    delivery: Delivery,
    progress: Progress,
    cancel: AbortSignal,
  ): Promise<number | undefined> {
    const { clock, listener } = this.parts;
    const message = delivery.read();
    if (message instanceof UnreadableRecordError) {
      return this.unreadable(handler.group, delivery, progress);
    }
    const start = clock.monotonic();
    const tell = (outcome: Outcome): void =>
      listener.onOutcome(handler.consumer, outcome, (clock.monotonic() - start) / 1_000);
    try {
      const first = await this.#handle(handler, delivery.record, message, progress, cancel);
      tell(first ? 'handled' : 'duplicate');
      return undefined;
    } catch (error) {
      // The partition has moved on: its new owner handles the message.
      if (cancel.aborted) return undefined;
      const again = await this.#failed(handler, delivery, message, progress, error);
      tell(again === undefined ? 'dead-lettered' : 'retried');
      return again;
    }
  }

  /** Writes a record that nobody here can read to the dead letters. */
  async unreadable(
    group: string,
    delivery: Delivery,
    progress: Progress,
  ): Promise<number | undefined> {
    const { record } = delivery;
    const error = delivery.read();
    if (!(error instanceof UnreadableRecordError)) return undefined;
    const { reason } = error;
    // With the time, because a topic that is made anew counts from 0 again.
    const id = `${record.topic}/${record.partition}/${record.offset}@${record.timestamp}`;
    return this.#deadLetters.take(
      record,
      { id, group, consumer: group, reason, error, attempts: 0 },
      progress,
    );
  }

  async #handle(
    handler: ConsumerHandler,
    record: IncomingRecord,
    message: Message,
    progress: Progress,
    cancel: AbortSignal,
  ): Promise<boolean> {
    const { service, tracing, clock } = this.parts;
    const { envelope, contract } = message;
    const timeout = new AbortController();
    const give = (): void => timeout.abort(cancel.reason);
    cancel.addEventListener('abort', give, { once: true });
    const context = messageContext(record, message, progress.attempts + 1, timeout.signal);
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.destination.name': record.topic,
      'messaging.destination.partition.id': String(record.partition),
      'messaging.kafka.offset': record.offset,
      'messaging.message.id': envelope.id,
      'messaging.consumer.group.name': handler.group,
      'rookery.consumer': handler.consumer,
      'rookery.attempt': context.attempt,
    };
    const work = {
      app: service,
      correlationId: envelope.correlationId,
      deadline: Deadline.in(handler.timeoutMs, clock),
      signal: timeout.signal,
    };
    const parent = tracing.extract(envelope.headers);
    try {
      // The context comes first: sampling and log lines of the span ask for it.
      return await runInContext(work, () =>
        tracing.run(`process ${contract.name}`, { kind: 'consumer', parent, attributes }, () =>
          whileHandling(envelope.id, () =>
            handler.effects === 'once'
              ? this.#transact(handler, record, message, context, timeout)
              : this.#run(handler, message, context, timeout),
          ),
        ),
      );
    } finally {
      cancel.removeEventListener('abort', give);
    }
  }

  #transact(
    handler: ConsumerHandler,
    record: IncomingRecord,
    message: Message,
    context: MessageContext,
    timeout: AbortController,
  ): Promise<boolean> {
    const { host, inbox } = this.parts;
    const { envelope } = message;
    const arrival = arrivalOf(record, message);
    return host.run(
      async () => {
        if (!(await inbox.remember(handler.consumer, envelope.id, arrival))) {
          await this.#answers.repeat(handler, message, context.key, arrival.place);
          return false;
        }
        return this.#run(handler, message, context, timeout);
      },
      { propagation: 'requires-new' },
    );
  }

  async #run(
    handler: ConsumerHandler,
    message: Message,
    context: MessageContext,
    timeout: AbortController,
  ): Promise<true> {
    const { contract, data } = message;
    const result = await this.#limited(handler, timeout, () =>
      handler.handle(data, context, contract),
    );
    await this.#answers.give(handler, message, context.key, result);
    return true;
  }

  /** Waits no longer than the handler may take; its transaction then ends without it. */
  async #limited<T>(
    handler: ConsumerHandler,
    timeout: AbortController,
    fn: () => Promise<T>,
  ): Promise<T> {
    timeout.signal.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const stop = (): void => reject(timeout.signal.reason as Error);
      timeout.signal.addEventListener('abort', stop, { once: true });
      const cancel = this.parts.clock.after(handler.timeoutMs, () =>
        timeout.abort(new HandlerTimeoutError(handler.consumer, handler.timeoutMs)),
      );
      const done = (): void => {
        cancel();
        timeout.signal.removeEventListener('abort', stop);
      };
      const begun = async (): Promise<T> => fn();
      begun().then(resolve, reject).finally(done);
    });
  }

  async #failed(
    handler: ConsumerHandler,
    { record }: Delivery,
    { envelope, contract }: Message,
    progress: Progress,
    error: unknown,
  ): Promise<number | undefined> {
    const { random, log } = this.parts;
    const { consumer, group, retry } = handler;
    const kind = failureKind(error);
    const where = {
      consumer,
      messageId: envelope.id,
      topic: record.topic,
      key: String(record.key),
    };
    const what = `${contract.name} (${where.messageId}) in ${consumer}`;
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
    const { attempts } = progress;
    return this.#deadLetters.take(
      record,
      { id: envelope.id, group, consumer, reason, error, attempts },
      progress,
    );
  }
}
