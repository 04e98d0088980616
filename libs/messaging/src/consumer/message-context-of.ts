import type { IncomingRecord } from '@rookery/kafka';
import type { MessageContext } from '../handler/message-context.js';
import type { Message } from './delivery.js';

/** What a handler is told of a message. */
export function messageContext(
  record: IncomingRecord,
  { envelope }: Message,
  attempt: number,
  signal: AbortSignal,
): MessageContext {
  const { topic, partition, offset } = record;
  return {
    id: envelope.id,
    name: envelope.type,
    version: envelope.version,
    key: record.key?.toString() ?? '',
    topic,
    partition,
    offset,
    timestamp: envelope.time,
    correlationId: envelope.correlationId,
    causationId: envelope.causationId,
    source: envelope.source,
    headers: envelope.headers,
    attempt,
    signal,
    replyTo: envelope.replyTo,
    inReplyTo: envelope.inReplyTo,
  };
}
