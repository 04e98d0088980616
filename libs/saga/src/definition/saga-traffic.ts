import type { CommandContract, Traffic } from '@rookery/messaging';
import type { SagaMetadata } from './saga-metadata.js';

/** Which messages a saga takes and sends, as its decorators say. */
export function sagaTraffic(name: string, metadata: SagaMetadata): Traffic {
  const commands = [...metadata.steps, ...metadata.compensations].map(
    ({ options }) => options.send,
  );
  const sends = [
    ...new Set(commands.filter((each): each is CommandContract => each !== undefined)),
  ];
  const replies = [...new Set(sends.flatMap((command) => command.replies))];
  return {
    handles: [
      ...metadata.starts.map(({ event }) => ({ contract: event, consumer: `saga.${name}.start` })),
      ...replies.map((contract) => ({ contract, consumer: `saga.${name}.replies` })),
    ],
    sends,
  };
}
