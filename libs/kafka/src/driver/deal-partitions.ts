import type { TopicPartition } from './kafka-driver.js';

/** Name under which members offer {@link dealPartitions}; the same for all our drivers. */
export const DEAL_PROTOCOL = 'RoundRobinAssigner';

/**
 * Deals partitions out in turn, each to a member that subscribes to its topic, by member id; all
 * drivers do it alike, so that a service can change its driver without stopping.
 */
export function dealPartitions(
  members: readonly { readonly id: string; readonly topics: readonly string[] }[],
  partitionsOf: (topic: string) => readonly number[],
): Map<string, TopicPartition[]> {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const shares = new Map(sorted.map(({ id }) => [id, [] as TopicPartition[]]));
  let turn = 0;
  for (const topic of [...new Set(sorted.flatMap(({ topics }) => topics))].sort()) {
    const subscribed = sorted.filter(({ topics }) => topics.includes(topic));
    for (const partition of partitionsOf(topic)) {
      const member = subscribed[turn++ % subscribed.length];
      if (member !== undefined) shares.get(member.id)?.push({ topic, partition });
    }
  }
  return shares;
}
