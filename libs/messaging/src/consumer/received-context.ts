import type { IncomingRecord } from '@rookery/kafka';
import type { Envelope } from '../envelope/envelope.js';
import type { MessageContext } from '../handler/message-context.js';

/** What a handler is told of a message. What costs something is made when it is asked for. */
export class ReceivedContext implements MessageContext {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly key: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly source: string;
  readonly replyTo: string | undefined;
  readonly inReplyTo: string | undefined;
  readonly #envelope: Envelope;
  readonly #limit: { readonly signal: AbortSignal };

  constructor(
    { key, topic, partition, offset }: IncomingRecord,
    envelope: Envelope,
    readonly attempt: number,
    limit: { readonly signal: AbortSignal },
  ) {
    this.id = envelope.id;
    this.name = envelope.type;
    this.version = envelope.version;
    this.key = key?.toString() ?? '';
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestamp = envelope.time;
    this.correlationId = envelope.correlationId;
    this.causationId = envelope.causationId;
    this.source = envelope.source;
    this.replyTo = envelope.replyTo;
    this.inReplyTo = envelope.inReplyTo;
    this.#envelope = envelope;
    this.#limit = limit;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#envelope.headers;
  }

  get signal(): AbortSignal {
    return this.#limit.signal;
  }
}
