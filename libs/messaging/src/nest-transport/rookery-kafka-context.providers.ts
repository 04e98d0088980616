import { KafkaContext } from '@nestjs/microservices/ctx-host/kafka.context';
import type { IncomingRecord } from '@rookery/kafka';
import { textHeaders } from '../envelope/envelope.js';
import type { MessageContext } from '../handler/message-context.js';
import { NotOfferedError } from './nest-transport.errors.js';

/**
 * What `@Ctx()` gives: all that Nest's `KafkaContext` tells of a message, and what the platform
 * knows besides. Heartbeats need no help, so that of the context does nothing.
 */
export class RookeryKafkaContext extends KafkaContext {
  constructor(
    payload: unknown,
    /** The record as it was stored, with its bytes. */
    readonly record: IncomingRecord,
    /** Id, attempt, correlation, and a signal that aborts when the handler's time is over. */
    readonly message: MessageContext,
  ) {
    const { partition, topic, offset, timestamp, key } = record;
    const parsed = {
      key: key?.toString() ?? null,
      value: payload,
      headers: textHeaders(record),
      timestamp: String(timestamp),
      offset: String(offset),
      attributes: 0,
      topic,
      partition,
    };
    super([
      parsed as never,
      partition,
      topic,
      undefined as never,
      async () => {},
      undefined as never,
    ]);
  }

  /** Whether the record has no value: its key has ended. JSON's `null` is a value. */
  isTombstone(): boolean {
    return this.record.value === null;
  }

  /** @throws NotOfferedError always: what is finished is committed by itself. */
  override getConsumer(): never {
    throw new NotOfferedError(
      'there is no consumer to commit with: offsets are committed when the handler has returned',
    );
  }

  /** @throws NotOfferedError always: messages are sent through the outbox. */
  override getProducer(): never {
    throw new NotOfferedError(
      'there is no producer: publish with MessagePublisher, which sends what the transaction commits',
    );
  }
}
