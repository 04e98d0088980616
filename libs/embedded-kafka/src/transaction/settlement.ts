import type { Clock } from '@rookery/core';
import type { OffsetStore } from '../group/offset-store.js';
import type { TopicStore } from '../topic/topic-store.js';
import type { Settlement } from './transaction-coordinator.js';
import type { Outcome, Participants, ProducerIdentity } from './transaction-state.js';

/** Ends transactions in the logs, by markers, and in the groups' offsets. */
export class LocalSettlement implements Settlement {
  constructor(
    private readonly topics: TopicStore,
    private readonly offsets: OffsetStore,
    private readonly clock: Clock,
  ) {}

  async settle(
    { producerId, epoch }: ProducerIdentity,
    { partitions, groups }: Participants,
    outcome: Outcome,
    repeated: boolean,
  ): Promise<void> {
    const timestamp = this.clock.now();
    const logs = partitions.flatMap(([topic, index]) => {
      // The topic may have been deleted since.
      const log = this.topics.get(topic)?.partitions[index];
      return log === undefined || (repeated && !log.isOpen(producerId)) ? [] : log;
    });
    for (const log of logs) log.endTransaction({ producerId, epoch, outcome, timestamp });
    // Offsets count only once the records do that were written for them.
    await Promise.all(logs.map((log) => log.durable()));
    for (const group of groups) this.offsets.settle(group, producerId, outcome);
  }

  /**
   * Aborts what no transactional id answers for any more, such as after a crash of the machine lost
   * the end of a journal: readers of committed records would wait for it forever.
   *
   * @param alive producers whose transaction will end
   * @returns the partitions that had such a transaction
   */
  abortOrphans(alive: ReadonlySet<number>): string[] {
    const timestamp = this.clock.now();
    this.offsets.dropPending(({ producerId }) => !alive.has(producerId));
    return this.topics.all().flatMap(({ name, partitions }) =>
      partitions.flatMap((log, index) => {
        const orphans = log.openProducers().filter(({ producerId }) => !alive.has(producerId));
        for (const { producerId, epoch } of orphans) {
          log.endTransaction({ producerId, epoch, outcome: 'abort', timestamp });
        }
        return orphans.length === 0 ? [] : `${name}-${index}`;
      }),
    );
  }
}
