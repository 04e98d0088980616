import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '@rookery/core';
import { DataDirectoryError } from '../embedded-kafka.errors.js';
import type { ResolvedOptions } from '../embedded-kafka.options.js';
import { GroupCoordinator, type StoredGroup } from '../group/group-coordinator.js';
import { OffsetStore, type CommittedOffset } from '../group/offset-store.js';
import { PendingOffsets, type PendingOffset } from '../group/pending-offsets.js';
import { Cluster } from '../cluster/cluster.js';
import type { StoredPlacements } from '../cluster/leadership.js';
import { ProducerIds } from '../log/producer-ids.js';
import { Journal } from '../storage/journal.js';
import { TopicStore, type StoredTopic } from '../topic/topic-store.js';
import { LocalSettlement } from '../transaction/settlement.js';
import { TransactionCoordinator } from '../transaction/transaction-coordinator.js';
import type { Transaction } from '../transaction/transaction-state.js';

/** Layout of the data directory; raised when an older broker could not read it any more. */
const FORMAT = 1;

/** The files of a data directory besides the logs. */
interface Journals {
  readonly cluster: Journal<string | number>;
  readonly topics: Journal<StoredTopic>;
  readonly placements: Journal<StoredPlacements>;
  readonly offsets: Journal<CommittedOffset>;
  readonly groups: Journal<StoredGroup>;
  readonly transactions: Journal<Transaction>;
  readonly pendingOffsets: Journal<PendingOffset>;
}

/** What the broker holds; the handlers work on it. */
export class Broker {
  readonly clusterId: string;
  readonly topics: TopicStore;
  readonly groups: GroupCoordinator;
  readonly offsets: OffsetStore;
  readonly producerIds: ProducerIds;
  readonly cluster: Cluster;
  readonly transactions: TransactionCoordinator;

  private constructor(
    readonly options: ResolvedOptions,
    readonly clock: Clock,
    log: (line: string) => void,
    private readonly journals: Journals,
  ) {
    const { cluster } = journals;
    checkFormat(cluster, options.dataDirectory);
    if (cluster.get('clusterId') === undefined) cluster.set('clusterId', randomUUID());
    this.clusterId = String(cluster.get('clusterId'));
    this.producerIds = new ProducerIds(cluster);
    const { dataDirectory } = options;
    this.cluster = new Cluster(options.nodes, journals.placements);
    this.topics = new TopicStore({
      ...options,
      leadership: this.cluster.leadership,
      journal: journals.topics,
      directory: dataDirectory === undefined ? undefined : join(dataDirectory, 'logs'),
      clock,
      log,
    });
    const pending = new PendingOffsets(journals.pendingOffsets);
    this.offsets = new OffsetStore(journals.offsets, pending, clock);
    this.groups = new GroupCoordinator({
      journal: journals.groups,
      clock,
      initialRebalanceDelay: options.initialRebalanceDelay,
      hasOffsets: (group) => this.offsets.hasAny(group),
      log,
    });
    for (const group of this.offsets.groups()) this.groups.getOrCreate(group);
    this.topics.onDelete((name) => this.offsets.deleteTopic(name));
    const settlement = new LocalSettlement(this.topics, this.offsets, clock);
    this.transactions = new TransactionCoordinator({
      journal: journals.transactions,
      clock,
      nextProducerId: () => this.producerIds.next(),
      settlement,
      log,
    });
    for (const partition of settlement.abortOrphans(this.transactions.openProducers())) {
      log(`${partition}: aborted a transaction that no transactional id answers for`);
    }
    this.transactions.recover();
    this.cluster.attach(this.topics, this.groups);
  }

  /**
   * Loads what the data directory holds.
   *
   * @throws DataDirectoryError when it cannot be read or written
   */
  static open(options: ResolvedOptions, clock: Clock, log: (line: string) => void): Broker {
    const { dataDirectory, fsync } = options;
    const opened: Journal<never>[] = [];
    const journal = <V>(name: string): Journal<V> => {
      const path = dataDirectory && join(dataDirectory, `${name}.journal`);
      const one = new Journal<V>(path, fsync);
      opened.push(one as Journal<never>);
      return one;
    };
    try {
      return new Broker(options, clock, log, {
        cluster: journal('cluster'),
        topics: journal('topics'),
        placements: journal('placements'),
        offsets: journal('offsets'),
        groups: journal('groups'),
        transactions: journal('transactions'),
        pendingOffsets: journal('pending-offsets'),
      });
    } catch (error) {
      for (const one of opened) one.close();
      if (error instanceof DataDirectoryError || dataDirectory === undefined) throw error;
      const problem = `cannot be loaded: ${(error as Error).message}`;
      throw new DataDirectoryError(dataDirectory, problem, error);
    }
  }

  /** Ends all waits and timers and leaves the data ready for a quick start. */
  async close(): Promise<void> {
    this.groups.close();
    await this.transactions.close();
    try {
      await this.topics.close();
    } finally {
      for (const journal of Object.values(this.journals) as Journal<never>[]) journal.close();
    }
  }
}

function checkFormat(cluster: Journal<string | number>, directory = ''): void {
  const format = cluster.get('format');
  if (format === undefined) {
    cluster.set('format', FORMAT);
  } else if (format !== FORMAT) {
    throw new DataDirectoryError(
      directory,
      `has format ${format}, this version reads ${FORMAT}: delete it or use the version that wrote it`,
    );
  }
}
