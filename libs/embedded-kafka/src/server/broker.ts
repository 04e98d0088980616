import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '@rookery/core';
import type { ResolvedOptions } from '../embedded-kafka.options.js';
import { GroupCoordinator, type StoredGroup } from '../group/group-coordinator.js';
import { OffsetStore, type CommittedOffset } from '../group/offset-store.js';
import { ProducerIds } from '../log/producer-ids.js';
import { Journal } from '../storage/journal.js';
import { TopicStore } from '../topic/topic-store.js';

/** The only node. */
export const NODE_ID = 1;

/** Where clients reach the broker, as Metadata tells them. */
export interface Endpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** What the broker holds; the handlers work on it. */
export class Broker {
  readonly clusterId: string;
  readonly topics: TopicStore;
  readonly groups: GroupCoordinator;
  readonly offsets: OffsetStore;
  readonly producerIds: ProducerIds;
  readonly #journals: { close(): void }[] = [];
  #endpoint: Endpoint | undefined;

  constructor(
    readonly options: ResolvedOptions,
    readonly clock: Clock,
    log: (line: string) => void,
  ) {
    const { dataDirectory, fsync } = options;
    const identity = this.#journal<string | number>('cluster');
    this.clusterId = String(identity.get('clusterId') ?? randomUUID());
    identity.set('clusterId', this.clusterId);
    this.producerIds = new ProducerIds(identity);
    this.topics = new TopicStore({
      ...options,
      journal: this.#journal('topics'),
      directory: dataDirectory === undefined ? undefined : join(dataDirectory, 'logs'),
      fsync,
      clock,
      log,
    });
    this.offsets = new OffsetStore(this.#journal<CommittedOffset>('offsets'), clock);
    this.groups = new GroupCoordinator({
      journal: this.#journal<StoredGroup>('groups'),
      clock,
      initialRebalanceDelay: options.initialRebalanceDelay,
    });
    for (const group of this.offsets.groups()) this.groups.getOrCreate(group);
    this.topics.onDelete((name) => this.offsets.deleteTopic(name));
  }

  /** Known once the server listens. */
  get endpoint(): Endpoint {
    return this.#endpoint as Endpoint;
  }

  set endpoint(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Ends all waits and timers and leaves the data ready for a quick start. */
  async close(): Promise<void> {
    this.groups.close();
    try {
      await this.topics.close();
    } finally {
      for (const journal of this.#journals) journal.close();
    }
  }

  #journal<V>(name: string): Journal<V> {
    const { dataDirectory, fsync } = this.options;
    const path = dataDirectory === undefined ? undefined : join(dataDirectory, `${name}.journal`);
    const journal = new Journal<V>(path, fsync);
    this.#journals.push(journal);
    return journal;
  }
}
