import type { TopicPartition, TopicPartitionOffset } from '../driver/kafka-driver.js';
import { CommitFencedError } from '../kafka.errors.js';
import type { MemoryBroker } from './memory-broker.js';

/** A member of a {@link MemoryGroup}. */
export interface MemoryMember {
  readonly topics: readonly string[];
  revoke(): Promise<void>;
  assign(partitions: readonly TopicPartition[]): void;
}

/**
 * A consumer group with eager rebalancing: everybody gives back everything, then all partitions are
 * dealt out in turn to the members that subscribe to their topic.
 */
export class MemoryGroup {
  readonly #members = new Set<MemoryMember>();
  readonly #offsets = new Map<string, number>();
  #owners = new Map<string, MemoryMember>();
  #rebalance: Promise<void> = Promise.resolve();

  constructor(
    readonly name: string,
    private readonly broker: MemoryBroker,
  ) {}

  join(member: MemoryMember): Promise<void> {
    return this.#change(() => this.#members.add(member));
  }

  leave(member: MemoryMember): Promise<void> {
    return this.#change(() => this.#members.delete(member));
  }

  /** What the group has committed of a partition. */
  committed({ topic, partition }: TopicPartition): number | undefined {
    return this.#offsets.get(keyOf(topic, partition));
  }

  commit(member: MemoryMember, positions: readonly TopicPartitionOffset[]): void {
    if (positions.some((at) => this.#owners.get(keyOf(at.topic, at.partition)) !== member)) {
      throw new CommitFencedError(this.name);
    }
    for (const { topic, partition, offset } of positions) {
      this.#offsets.set(keyOf(topic, partition), offset);
    }
  }

  #change(apply: () => void): Promise<void> {
    const next = this.#rebalance.then(async () => {
      await Promise.all([...this.#members].map((member) => member.revoke()));
      apply();
      this.#assign();
    });
    this.#rebalance = next.catch(() => undefined);
    return next;
  }

  #assign(): void {
    const members = [...this.#members];
    const shares = new Map(members.map((member) => [member, [] as TopicPartition[]]));
    this.#owners = new Map();
    let turn = 0;
    for (const topic of new Set(members.flatMap(({ topics }) => topics))) {
      const subscribed = members.filter(({ topics }) => topics.includes(topic));
      for (const place of this.broker.partitions(topic)) {
        const member = subscribed[turn++ % subscribed.length];
        if (member === undefined) continue;
        shares.get(member)?.push(place);
        this.#owners.set(keyOf(place.topic, place.partition), member);
      }
    }
    for (const [member, partitions] of shares) member.assign(partitions);
  }
}

/** One text for a partition, to look it up by. */
export function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
