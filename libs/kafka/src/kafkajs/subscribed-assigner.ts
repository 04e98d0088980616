import kafkajs, { type PartitionAssigner } from 'kafkajs';
import { DEAL_PROTOCOL, dealPartitions } from '../driver/deal-partitions.js';
import type { TopicPartition } from '../driver/kafka-driver.js';
import { HOOKS, type ConsumerHooks } from './kafkajs-internals.js';

const { AssignerProtocol } = kafkajs;

/** What kafkajs hands to an assigner; its types leave out the part that loads more topics. */
interface Cluster {
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
}

/**
 * Deals partitions out in turn, to members that subscribe to their topic. The assigner of kafkajs
 * gives every member partitions of the leader's topics, which loses records while two releases with
 * different handlers run side by side. It also carries the hooks of its consumer.
 */
export function subscribedAssigner(hooks: ConsumerHooks): PartitionAssigner {
  return ({ cluster }) => {
    const metadata = cluster as unknown as Cluster;
    const assigner = {
      name: DEAL_PROTOCOL,
      version: 0,
      [HOOKS]: hooks,
      protocol: ({ topics }: { topics: string[] }) => ({
        name: DEAL_PROTOCOL,
        metadata: AssignerProtocol.MemberMetadata.encode({
          version: 0,
          topics,
          userData: Buffer.alloc(0),
        }),
      }),
      async assign({ members }: { members: { memberId: string; memberMetadata: Buffer }[] }) {
        const subscriptions = members.map(({ memberId, memberMetadata }) => ({
          id: memberId,
          topics: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
        }));
        await metadata.addMultipleTargetTopics([
          ...new Set(subscriptions.flatMap(({ topics }) => topics)),
        ]);
        const shares = dealPartitions(subscriptions, (topic) =>
          metadata.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
        );
        return [...shares].map(([memberId, partitions]) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version: 0,
            assignment: byTopic(partitions),
            userData: Buffer.alloc(0),
          }),
        }));
      },
    };
    return assigner;
  };
}

function byTopic(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const topics: Record<string, number[]> = {};
  for (const { topic, partition } of partitions) (topics[topic] ??= []).push(partition);
  return topics;
}
