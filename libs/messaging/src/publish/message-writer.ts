import { currentContext, InvalidOptionError, type Clock } from '@rookery/core';
import type { DelayedMessages } from '../delay/delayed-messages.js';
import { dueTimeOf } from '../delay/due-time.js';
import type { Tracing } from '@rookery/observability';
import type { CommandContract, EventContract, MessageContract } from '../contract/contract.js';
import { encodeData } from '../contract/contract-codec.js';
import { HEADER } from '../envelope/header-names.js';
import type { Envelope } from '../envelope/envelope.js';
import type { Reply } from '../handler/reply.js';
import { MessageTooLargeError } from '../messaging.errors.js';
import type { Outbox } from '../outbox/outbox.js';
import { MessagePublisher, type PublishOptions, type SendOptions } from './message-publisher.js';
import { uuidV7 } from './uuid-v7.js';

/** What a {@link MessageWriter} needs. */
export interface MessageWriterParts {
  readonly service: string;
  readonly outbox: Pick<Outbox, 'add'>;
  readonly delayed: Pick<DelayedMessages, 'add' | 'cancel' | 'maxMs'>;
  readonly tracing: Pick<Tracing, 'run' | 'inject'>;
  readonly clock: Clock;
  /** Bytes that the JSON of a message and its further headers may have. */
  readonly maxMessageSize: number;
}

interface Destination {
  readonly topic: string;
  readonly key: string;
  readonly headers: Record<string, string>;
}

/** Turns messages into records of the outbox. */
export class MessageWriter extends MessagePublisher {
  constructor(private readonly parts: MessageWriterParts) {
    super();
  }

  async publish<C extends EventContract>(
    event: C,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<void> {
    await this.#writeKeyed(event, data, options, {});
  }

  async tombstone(event: EventContract, key: string, options: PublishOptions = {}): Promise<void> {
    checkKey(event, key);
    await this.#write(event, null, options, { topic: event.topic, key, headers: {} });
  }

  async send<C extends CommandContract>(
    command: C,
    data: unknown,
    options: SendOptions,
  ): Promise<void> {
    await this.#writeKeyed(command, data, options, {
      ...(options.replyTo === undefined ? {} : { [HEADER.replyTo]: options.replyTo }),
      ...(options.replyKey === undefined ? {} : { [HEADER.replyKey]: options.replyKey }),
    });
  }

  cancelDelayed(id: string): Promise<boolean> {
    return this.parts.delayed.cancel(id);
  }

  /** Answers a command. The reply's id follows from the command's: a second answer is the same. */
  async answer(command: Envelope, key: string, reply: Reply): Promise<void> {
    if (command.replyTo === undefined) return;
    const { contract, data } = reply;
    await this.#write(
      contract,
      jsonOf(encodeData(contract, data)),
      { id: `${command.id}.reply` },
      {
        topic: command.replyTo,
        key: command.replyKey ?? key,
        headers: { [HEADER.inReplyTo]: command.id, [HEADER.outcome]: contract.outcome },
      },
    );
  }

  async #writeKeyed(
    contract: EventContract | CommandContract,
    data: unknown,
    options: PublishOptions,
    headers: Record<string, string>,
  ): Promise<void> {
    const encoded = encodeData(contract, data);
    const key = contract.key(encoded);
    checkKey(contract, key);
    await this.#write(contract, jsonOf(encoded), options, { topic: contract.topic, key, headers });
  }

  async #write(
    contract: MessageContract,
    value: Buffer | null,
    options: PublishOptions,
    { topic, key, headers }: Destination,
  ): Promise<void> {
    const { outbox, delayed, tracing, clock, service, maxMessageSize } = this.parts;
    const size = (value?.length ?? 0) + sizeOf(options.headers);
    if (size > maxMessageSize) {
      throw new MessageTooLargeError(contract.name, size, maxMessageSize);
    }
    const now = clock.now();
    const place = `publish of ${contract.name}`;
    const due = dueTimeOf(options, { now, maxMs: delayed.maxMs, place });
    const id = options.id ?? uuidV7(now);
    const causationId = options.causationId ?? currentContext()?.messageId;
    const attributes = () => ({
      'messaging.system': 'kafka',
      'messaging.operation.type': 'send',
      'messaging.destination.name': topic,
      'messaging.message.id': id,
    });
    await tracing.run(`publish ${contract.name}`, { kind: 'producer', attributes }, async () => {
      const all: Record<string, string> = {
        ...ownHeaders(contract.name, options.headers),
        ...headers,
        [HEADER.specVersion]: '1.0',
        [HEADER.id]: id,
        [HEADER.type]: contract.name,
        [HEADER.source]: `/${service}`,
        [HEADER.time]: new Date(now).toISOString(),
        [HEADER.dataVersion]: String(contract.latest),
        [HEADER.contentType]: 'application/json',
        [HEADER.correlationId]: options.correlationId ?? currentContext()?.correlationId ?? id,
        ...(causationId === undefined ? {} : { [HEADER.causationId]: causationId }),
      };
      tracing.inject(all);
      const record = { topic, key, value, headers: all };
      await (due === undefined ? outbox.add(record) : delayed.add(id, record, due));
    });
  }
}

function jsonOf(data: unknown): Buffer {
  return Buffer.from(JSON.stringify(data));
}

function checkKey({ name }: MessageContract, key: unknown): void {
  if (typeof key === 'string' && key !== '') return;
  throw new InvalidOptionError(`contract ${name}`, [
    `key: ${JSON.stringify(key)} is not allowed, expected a text that is not empty`,
  ]);
}

function sizeOf(headers: Readonly<Record<string, string>> = {}): number {
  return Object.entries(headers).reduce(
    (sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text),
    0,
  );
}

function ownHeaders(
  contract: string,
  headers: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const taken = Object.keys(headers).filter((name) => /^(ce|rk)_/i.test(name));
  if (taken.length === 0) return headers;
  throw new InvalidOptionError(`publish of ${contract}`, [
    `headers: ${taken.join(', ')} belong to the platform`,
  ]);
}
