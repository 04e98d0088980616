import kafkajs, { type PartitionAssigner } from 'kafkajs';
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
      name: 'RoundRobinAssigner',
      version: 0,
      [HOOKS]: hooks,
      protocol: ({ topics }: { topics: string[] }) => ({
        name: 'RoundRobinAssigner',
        metadata: AssignerProtocol.MemberMetadata.encode({
          version: 0,
          topics,
          userData: Buffer.alloc(0),
        }),
      }),
      async assign({ members }: { members: { memberId: string; memberMetadata: Buffer }[] }) {
        const subscriptions = members
          .map(({ memberId, memberMetadata }) => ({
            memberId,
            topics: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
            assignment: {} as Record<string, number[]>,
          }))
          .sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
        const topics = [...new Set(subscriptions.flatMap((member) => member.topics))].sort();
        await metadata.addMultipleTargetTopics(topics);
        let turn = 0;
        for (const topic of topics) {
          const subscribed = subscriptions.filter((member) => member.topics.includes(topic));
          for (const { partitionId } of metadata.findTopicPartitionMetadata(topic)) {
            const member = subscribed[turn++ % subscribed.length];
            if (member !== undefined) (member.assignment[topic] ??= []).push(partitionId);
          }
        }
        return subscriptions.map(({ memberId, assignment }) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version: 0,
            assignment,
            userData: Buffer.alloc(0),
          }),
        }));
      },
    };
    return assigner;
  };
}
