import type { MessagingRuntime, ReplyContract } from '@rookery/messaging';
import { repliesOf, type SagaDefinition } from '../definition/saga-definition.js';
import type { SagaEngine } from '../engine/saga-engine.js';

/** Topic to which the commands of a service's sagas are answered. */
export function replyTopic(service: string): string {
  return `${service}.replies`;
}

/** Begins sagas on their events, and brings them the replies to their commands. */
export function subscribeSagas(
  runtime: MessagingRuntime,
  engine: Pick<SagaEngine, 'start' | 'reply'>,
  definitions: readonly SagaDefinition[],
  service: string,
): void {
  for (const { name, start } of definitions) {
    runtime.subscribe({
      consumer: `saga.${name}.start`,
      contracts: [start],
      handle: async (data, { correlationId }) => {
        await engine.start(name, data, { correlationId });
      },
    });
  }
  const byName = new Map(definitions.flatMap(repliesOf).map((reply) => [reply.name, reply]));
  const contracts: ReplyContract[] = [...byName.values()];
  if (contracts.length === 0) return;
  runtime.subscribe({
    consumer: 'saga.replies',
    topics: [replyTopic(service)],
    contracts,
    handle: async (data, { key, inReplyTo }, contract) => {
      await engine.reply({ sagaId: key, inReplyTo: inReplyTo ?? '', contract, data });
    },
  });
}
