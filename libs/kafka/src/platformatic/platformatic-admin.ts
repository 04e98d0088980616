import type { Clock } from '@rookery/core';
import type {
  KafkaAdmin,
  PartitionLag,
  TopicPartition,
  TopicSpec,
} from '../driver/kafka-driver.js';
import { KafkaClosedError, KafkaRequestError, KafkaUnavailableError } from '../kafka.errors.js';
import { ClusterMap } from './cluster-map.js';
import { GroupCoordinator } from './group-coordinator.js';
import { listOffsets } from './list-offsets.js';
import type { PlatformaticClient } from './platformatic-client.js';
import {
  accepted,
  BrokerRefusal,
  isOutage,
  LEADER_AWAY,
  refusalOf,
} from './platformatic-errors.js';

/** How often, and for how long, new topics are asked for until a broker knows their leaders. */
const SETTLE_PAUSE_MS = 50;
const SETTLE_LIMIT_MS = 5_000;
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION';

interface CreateTopicsAnswer {
  readonly topics: readonly { name: string; errorCode: number; errorMessage?: string | null }[];
}

/** Admin requests over connections that are opened when first needed and again after a failure. */
export class PlatformaticAdmin implements KafkaAdmin {
  #client: PlatformaticClient | undefined;
  #closed = false;

  constructor(
    private readonly open: () => PlatformaticClient,
    private readonly settings: {
      readonly brokers: readonly string[];
      readonly requestTimeoutMs: number;
    },
    private readonly onClose: (admin: PlatformaticAdmin) => void,
    private readonly clock: Clock,
  ) {}

  ensureTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    return this.#ask('create topics', async (client) => {
      const cluster = new ClusterMap(client, false);
      await cluster.refresh([...new Set(topics.map(({ topic }) => topic))]);
      const missing = topics.filter(({ topic }) => cluster.topic(topic)?.refusal === MISSING);
      if (missing.length === 0) return [];
      const { topics: answers } = await client.ask<CreateTopicsAnswer>(
        cluster.controller,
        'CreateTopics',
        [
          missing.map(({ topic, partitions = -1, replicationFactor = -1 }) => ({
            name: topic,
            numPartitions: partitions,
            replicationFactor,
            assignments: [],
            configs: [],
          })),
          this.settings.requestTimeoutMs,
          false,
        ],
      );
      const created: string[] = [];
      for (const { name, errorCode, errorMessage } of answers) {
        // Another service was faster.
        if (refusalOf(errorCode) === 'TOPIC_ALREADY_EXISTS') continue;
        accepted(errorCode, errorMessage);
        created.push(name);
      }
      await this.#settle(client, cluster, created);
      return created;
    });
  }

  lag(group: string, topics: readonly string[]): Promise<readonly PartitionLag[]> {
    return this.#ask('read the lag', async (client) => {
      const cluster = new ClusterMap(client, false);
      await cluster.refresh(topics);
      const places = topics.flatMap((topic) => {
        const refusal = cluster.topic(topic)?.refusal;
        if (refusal !== undefined) throw new BrokerRefusal(refusal, topic);
        return cluster.partitions(topic).map((partition) => ({ topic, partition }));
      });
      const [committed, ends, beginnings] = await Promise.all([
        new GroupCoordinator(client, group).committed(places),
        offsetsOf(client, cluster, places, 'latest'),
        offsetsOf(client, cluster, places, 'earliest'),
      ]);
      return places.map(({ topic, partition }): PartitionLag => {
        const key = `${topic}/${partition}`;
        const known = committed.get(key);
        const end = ends.get(key) ?? 0;
        const lag = Math.max(0, end - (known ?? beginnings.get(key) ?? 0));
        return { topic, partition, committed: known, end, lag };
      });
    });
  }

  ping(): Promise<void> {
    return this.#ask('ping', (client) => new ClusterMap(client, false).refresh([]));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#client?.cut();
    this.#client = undefined;
    this.onClose(this);
  }

  /** Waits until the leaders of new topics know that they are: creation is acknowledged before. */
  async #settle(
    client: PlatformaticClient,
    cluster: ClusterMap,
    topics: readonly string[],
  ): Promise<void> {
    const deadline = this.clock.monotonic() + SETTLE_LIMIT_MS;
    for (;;) {
      await cluster.refresh(topics);
      const unsettled = await this.#unsettled(client, cluster, topics);
      if (unsettled === undefined) return;
      if (this.clock.monotonic() > deadline) throw unsettled;
      await this.clock.sleep(SETTLE_PAUSE_MS);
      if (this.#closed) throw new KafkaClosedError('admin');
    }
  }

  async #unsettled(
    client: PlatformaticClient,
    cluster: ClusterMap,
    topics: readonly string[],
  ): Promise<BrokerRefusal | undefined> {
    const unknown = topics.find((topic) => !cluster.usable(topic));
    if (unknown !== undefined) return new BrokerRefusal('LEADER_NOT_AVAILABLE', unknown);
    const places = topics.flatMap((topic) =>
      cluster.partitions(topic).map((partition) => ({ topic, partition })),
    );
    for (const listed of await listOffsets(client, cluster, places, 'latest')) {
      if (!('refusal' in listed)) continue;
      if (!LEADER_AWAY.has(listed.refusal.reason)) throw listed.refusal;
      return listed.refusal;
    }
    return undefined;
  }

  async #ask<T>(operation: string, ask: (client: PlatformaticClient) => Promise<T>): Promise<T> {
    if (this.#closed) throw new KafkaClosedError('admin');
    const client = (this.#client ??= this.open());
    try {
      return await ask(client);
    } catch (error) {
      if (this.#closed) throw new KafkaClosedError('admin');
      if (!(error instanceof BrokerRefusal)) this.#giveUp(client);
      if (isOutage(error)) throw new KafkaUnavailableError(operation, this.settings.brokers, error);
      throw new KafkaRequestError(operation, error);
    }
  }

  #giveUp(client: PlatformaticClient): void {
    if (this.#client === client) this.#client = undefined;
    client.cut();
  }
}

async function offsetsOf(
  client: PlatformaticClient,
  cluster: ClusterMap,
  places: readonly TopicPartition[],
  at: 'earliest' | 'latest',
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  for (const listed of await listOffsets(client, cluster, places, at)) {
    if ('refusal' in listed) throw listed.refusal;
    offsets.set(`${listed.topic}/${listed.partition}`, listed.offset);
  }
  return offsets;
}
