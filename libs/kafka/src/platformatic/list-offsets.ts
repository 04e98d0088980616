import { groupBy } from '../driver/group-by.js';
import type { TopicPartition } from '../driver/kafka-driver.js';
import type { ClusterMap } from './cluster-map.js';
import type { PlatformaticClient } from './platformatic-client.js';
import { BrokerRefusal, refusalOf } from './platformatic-errors.js';

interface ListOffsetsAnswer {
  readonly topics: readonly {
    name: string;
    partitions: readonly { partitionIndex: number; errorCode: number; offset: bigint }[];
  }[];
}

const TIMES = { earliest: -2n, latest: -1n } as const;

/** An offset, or why the partition's leader does not tell it. */
export type ListedOffset = TopicPartition &
  ({ readonly offset: number } | { readonly refusal: BrokerRefusal });

/** Asks the leaders of partitions for their first or next offset. */
export async function listOffsets(
  client: PlatformaticClient,
  cluster: ClusterMap,
  partitions: readonly TopicPartition[],
  at: 'earliest' | 'latest',
): Promise<ListedOffset[]> {
  const byNode = new Map<number, TopicPartition[]>();
  const listed: ListedOffset[] = [];
  for (const place of partitions) {
    const node = cluster.leader(place.topic, place.partition);
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), place]);
    else listed.push({ ...place, refusal: new BrokerRefusal('LEADER_NOT_AVAILABLE') });
  }
  const answers = await Promise.all(
    [...byNode].map(([node, places]) =>
      client.ask<ListOffsetsAnswer>(cluster.broker(node), 'ListOffsets', [
        -1,
        0,
        topicsOf(places, at),
      ]),
    ),
  );
  for (const { topics } of answers) {
    for (const { name: topic, partitions: found } of topics) {
      for (const { partitionIndex: partition, errorCode, offset } of found) {
        const reason = refusalOf(errorCode);
        listed.push(
          reason === undefined
            ? { topic, partition, offset: Number(offset) }
            : { topic, partition, refusal: new BrokerRefusal(reason) },
        );
      }
    }
  }
  return listed;
}

function topicsOf(places: readonly TopicPartition[], at: 'earliest' | 'latest'): unknown[] {
  const topics = groupBy(places, ({ topic }) => topic);
  return [...topics].map(([name, own]) => ({
    name,
    partitions: own.map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: -1,
      timestamp: TIMES[at],
    })),
  }));
}
