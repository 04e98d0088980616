import type { MessagingRuntime, ReplyContract } from '@rookery/messaging';
import { repliesOf, type SagaDefinition } from '../definition/saga-definition.js';
import type { SagaEngine } from '../engine/saga-engine.js';

/** Topic to which the commands of a service's sagas are answered. */
export function replyTopic(service: string): string {
  return `${service}.replies`;
}

/**
 * While a new release is rolled out, instances of the old one get replies to sagas that the new one
 * has brought along. They keep them until they are stopped, some minutes say, rather than give up.
 */
const REPLY_RETRY = { attempts: 40, backoff: { initial: 200, max: 15_000, factor: 2 } };

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
    retry: REPLY_RETRY,
    handle: async (data, { key, inReplyTo }, contract) => {
      await engine.reply({ sagaId: key, inReplyTo: inReplyTo ?? '', contract, data });
    },
  });
}
