import { Deadline, runInContext, type Clock, type RequestContext } from '@rookery/core';
import type { IncomingRecord } from '@rookery/kafka';
import type { Tracing } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import type { MessageContext } from '../handler/message-context.js';
import type { Arrival, Inbox } from '../inbox/inbox.js';
import { traceHeaders } from '../envelope/envelope.js';
import { KeyVersions } from '../inbox/key-versions.js';
import { StaleMessageError } from '../messaging.errors.js';
import type { MessageWriter } from '../publish/message-writer.js';
import { Answers } from './answers.js';
import type { ConsumerHandler } from './consumer-handler.js';
import type { Message } from './delivery.js';
import { HandlerLimit } from './handler-limit.js';
import { ReceivedContext } from './received-context.js';
import { SKIPPED } from './skipped.js';

/** What a {@link HandlerRun} needs. */
export interface HandlerRunParts {
  readonly service: string;
  readonly host: TransactionHost;
  readonly inbox: Inbox;
  readonly writer: Pick<MessageWriter, 'answer'>;
  readonly tracing: Pick<Tracing, 'run' | 'extract'>;
  readonly clock: Clock;
}

/**
 * How one try has ended that did not fail: `duplicate` was handled before, `skipped` was ended by an
 * interceptor, `stale` is older than what its key has had.
 */
export type Ended = 'handled' | 'duplicate' | 'skipped' | 'stale';

/** One try to handle a message. */
export interface Try {
  readonly record: IncomingRecord;
  readonly message: Message;
  /** 1 for the first. */
  readonly attempt: number;
  readonly arrival: Arrival;
  /** Aborts when nobody wants the result any more. */
  readonly cancel: AbortSignal;
  /** Work of the same transaction, which then there is, whatever the handler's effects. */
  readonly within?: {
    /** Comes first; what it throws ends the try. */
    begin(): Promise<void>;
    end(how: Ended): Promise<void>;
  };
}

/**
 * Runs a handler once: a transaction that remembers the message, runs the handler and sends its
 * reply. A handler whose effects are had at least once goes without.
 */
export class HandlerRun {
  readonly #answers: Answers;
  readonly #versions: KeyVersions;

  constructor(private readonly parts: HandlerRunParts) {
    this.#answers = new Answers(parts.inbox, parts.writer);
    this.#versions = new KeyVersions(parts.host);
  }

  /** Rejects with what the handler has thrown, unchanged. */
  async once(handler: ConsumerHandler, one: Try): Promise<Ended> {
    const { service, tracing, clock } = this.parts;
    const { record, message } = one;
    const { envelope, contract } = message;
    const limit = new HandlerLimit(handler.consumer, handler.timeoutMs, clock, one.cancel);
    const context = new ReceivedContext(record, envelope, one.attempt, limit);
    const attributes = () => ({
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.destination.name': record.topic,
      'messaging.destination.partition.id': String(record.partition),
      'messaging.kafka.offset': record.offset,
      'messaging.message.id': envelope.id,
      'messaging.consumer.group.name': handler.group,
      'rookery.consumer': handler.consumer,
      'rookery.attempt': context.attempt,
    });
    const work = new HandlerContext(
      service,
      envelope.correlationId,
      envelope.id,
      Deadline.in(handler.timeoutMs, clock),
      limit,
    );
    const parent = tracing.extract(traceHeaders(record));
    try {
      // The context comes first: sampling and log lines of the span ask for it.
      return await runInContext(work, () =>
        tracing.run(`process ${contract.name}`, { kind: 'consumer', parent, attributes }, () =>
          handler.effects === 'once' || one.within !== undefined
            ? this.#transact(handler, one, context, limit)
            : this.#run(handler, message, context, limit),
        ),
      );
    } finally {
      limit.close();
    }
  }

  #transact(
    handler: ConsumerHandler,
    one: Try,
    context: MessageContext,
    limit: HandlerLimit,
  ): Promise<Ended> {
    return this.parts.host.run(
      async () => {
        await one.within?.begin();
        const how = await this.#guarded(handler, one, context, limit);
        await one.within?.end(how);
        return how;
      },
      { propagation: 'requires-new' },
    );
  }

  async #guarded(
    handler: ConsumerHandler,
    { record, message, arrival }: Try,
    context: MessageContext,
    limit: HandlerLimit,
  ): Promise<Ended> {
    const { inbox } = this.parts;
    const { envelope, data, contract } = message;
    const { consumer, version, onStale } = handler;
    if (handler.effects === 'once' && !(await inbox.remember(consumer, envelope.id, arrival))) {
      await this.#answers.repeat(handler, message, context.key, arrival.place);
      return 'duplicate';
    }
    if (version !== undefined && record.key !== null) {
      const number = version(data);
      if (!(await this.#versions.advance(consumer, record.key, number))) {
        if (onStale === 'skip') return 'stale';
        throw new StaleMessageError(contract.name, context.key, number);
      }
    }
    return this.#run(handler, message, context, limit);
  }

  async #run(
    handler: ConsumerHandler,
    message: Message,
    context: MessageContext,
    limit: HandlerLimit,
  ): Promise<Ended> {
    const { contract, data } = message;
    const result = await limit.run(() => handler.handle(data, context, contract));
    await this.#answers.give(handler, message, context.key, result);
    return result === SKIPPED ? 'skipped' : 'handled';
  }
}

/** What the code that a handler calls can know of the message, wherever it is. */
class HandlerContext implements RequestContext {
  constructor(
    readonly app: string,
    readonly correlationId: string,
    readonly messageId: string,
    readonly deadline: Deadline,
    private readonly limit: HandlerLimit,
  ) {}

  get signal(): AbortSignal {
    return this.limit.signal;
  }
}
