import type { DataOf, MessagePublisher } from '@rookery/messaging';
import type { OutgoingCommand, SagaTransport } from '../engine/saga-ports.js';

/** Commands through the outbox; replies come to one topic, keyed by saga. */
export class MessageTransport implements SagaTransport {
  constructor(
    private readonly publisher: MessagePublisher,
    private readonly replyTo: string,
  ) {}

  send({ id, command, data, sagaId, correlationId }: OutgoingCommand): Promise<void> {
    // Keyed by saga, the replies to one are taken one after another, and find it without a search.
    return this.publisher.send(command, data as DataOf<typeof command>, {
      id,
      correlationId,
      replyTo: this.replyTo,
      replyKey: sagaId,
    });
  }
}
