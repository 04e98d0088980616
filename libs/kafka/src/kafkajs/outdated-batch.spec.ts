// @ts-expect-error kafkajs has types for its outside only
import consumerGroupClass from 'kafkajs/src/consumer/consumerGroup.js';
import { expect, it } from 'vitest';
import { HOOKS, isOutdated, patchKafkajs, type ConsumerHooks } from './kafkajs-internals.js';

const hooks: ConsumerHooks = {
  beforeJoin: async () => {},
  pollMs: () => 500,
  onInterrupt: () => () => {},
};

/** A member of a group of kafkajs, as far as a fetch goes, whose broker answers when told to. */
function member() {
  let answer: () => void = () => {};
  const { prototype } = consumerGroupClass as { prototype: object };
  const group = Object.assign(Object.create(prototype) as Record<string, unknown>, {
    assigners: [{ [HOOKS]: hooks }],
    cluster: {
      refreshMetadataIfNecessary: async () => {},
      findBroker: async () => ({
        fetch: () =>
          new Promise((resolve) => {
            const partition = { partition: 0, messages: [], abortedTransactions: [] };
            answer = () => resolve({ responses: [{ topicName: 't', partitions: [partition] }] });
          }),
      }),
    },
    subscriptionState: {
      assigned: () => [{ topic: 't', partitions: [0] }],
      isPaused: () => false,
    },
    seekOffset: { has: () => false },
    preferredReadReplicasPerTopicPartition: {},
    offsetManager: manager(),
    checkForStaleAssignment: () => {},
    filterPartitionsByNode: (_node: number, all: unknown) => all,
    seekOffsets: async () => {},
    getActiveTopicPartitions: () => ({ t: new Set([0]) }),
  });
  return { group, answer: () => answer() };
}

const manager = () => ({ committedOffsets: () => ({ t: { 0: '5' } }), nextOffset: () => 9 });

it('tells batches that were asked for before the group was joined anew', async () => {
  patchKafkajs();
  const { group, answer } = member();
  const fetch = group['fetch'] as (node: number) => Promise<object[]>;
  const asked = async (meanwhile: () => void): Promise<boolean[]> => {
    const fetching = fetch.call(group, 1);
    await new Promise(setImmediate);
    meanwhile();
    answer();
    return (await fetching).map(isOutdated);
  };
  expect(await asked(() => {})).toEqual([false]);
  // A leader has moved: another fetch joins again, and reading begins at what was committed.
  expect(await asked(() => (group['offsetManager'] = manager()))).toEqual([true]);
});
