import { groupBy } from '../driver/group-by.js';
import type { RecordsBatch } from '@platformatic/kafka';
import type { ClusterMap } from './cluster-map.js';

/** The first version that names topics by their ids. */
const TOPIC_IDS_FROM = 13;
const MIN_BYTES = 1;
const MAX_BYTES = 10_485_760;
const MAX_PARTITION_BYTES = 1_048_576;
const READ_COMMITTED = 1;
/** KIP-227 sessions save bytes, and bring state that has to be kept equal on both sides. */
const NO_SESSION = { id: 0, epoch: -1 };

/** What a broker has of the partitions asked for. */
export interface FetchAnswer {
  readonly errorCode: number;
  readonly responses: readonly {
    /** Or the topic's name, before version 13. */
    topicId: string;
    partitions: readonly {
      partitionIndex: number;
      errorCode: number;
      highWatermark: bigint;
      abortedTransactions: readonly { producerId: bigint; firstOffset: bigint }[] | null;
      records?: readonly RecordsBatch[] | null;
    }[];
  }[];
}

/** A fetch of partitions in the order given, which is the one in which a broker fills its answer. */
export function fetchFrom(
  places: readonly { topic: string; partition: number; offset: number }[],
  cluster: ClusterMap,
): (version: number, maxWaitMs: number) => readonly unknown[] {
  return (version, maxWaitMs) => {
    const topics = groupBy(places, ({ topic }) => topic);
    const asked = [...topics].map(([topic, own]) => ({
      topicId: version < TOPIC_IDS_FROM ? topic : (cluster.topic(topic)?.id ?? topic),
      partitions: own.map(({ partition, offset }) => ({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(offset),
        lastFetchedEpoch: -1,
        partitionMaxBytes: MAX_PARTITION_BYTES,
      })),
    }));
    return [
      maxWaitMs,
      MIN_BYTES,
      MAX_BYTES,
      READ_COMMITTED,
      NO_SESSION.id,
      NO_SESSION.epoch,
      asked,
      [],
      '',
    ];
  };
}
