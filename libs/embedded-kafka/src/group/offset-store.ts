import type { Clock } from '@rookery/core';
import type { Journal } from '../storage/journal.js';
import type { PendingOffset, PendingOffsets } from './pending-offsets.js';

/** How long offsets of a group without members are kept, as Kafka's offsets.retention.minutes. */
const RETENTION_MS = 7 * 86_400_000;

/** A committed offset as kept between starts. */
export interface CommittedOffset {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
  /** When it was committed. */
  readonly at: number;
}

/** Committed offsets of all groups. */
export class OffsetStore {
  readonly #groups = new Map<string, Map<string, Map<number, CommittedOffset>>>();

  constructor(
    private readonly journal: Journal<CommittedOffset>,
    private readonly pending: PendingOffsets,
    private readonly clock: Clock,
  ) {
    const oldest = clock.now() - RETENTION_MS;
    const newest = new Map<string, number>();
    for (const [key, { at }] of journal.entries()) {
      const { group } = partsOf(key);
      newest.set(group, Math.max(newest.get(group) ?? 0, at));
    }
    for (const [key, committed] of journal.entries()) {
      const { group, topic, partition } = partsOf(key);
      if ((newest.get(group) ?? 0) < oldest) journal.delete(key);
      else this.#put(group, topic, partition, committed);
    }
  }

  /** Groups with offsets, also if they only may have some when a transaction ends. */
  groups(): string[] {
    return [...new Set([...this.#groups.keys(), ...this.pending.groups()])];
  }

  commit(
    group: string,
    topic: string,
    partition: number,
    committed: Omit<CommittedOffset, 'at'>,
  ): void {
    this.#store(group, topic, partition, committed);
    this.pending.overtake(group, topic, partition);
  }

  /** Keeps an offset until its transaction ends. */
  prepare(pending: Omit<PendingOffset, 'overtaken'>): void {
    this.pending.add(pending);
  }

  /** Ends a producer's transaction in a group; nothing happens when it was done before. */
  settle(group: string, producerId: number, outcome: 'commit' | 'abort'): void {
    for (const one of this.pending.of(group, producerId)) {
      if (outcome === 'commit' && !one.overtaken) {
        const { topic, partition, offset, leaderEpoch, metadata } = one;
        this.#store(group, topic, partition, { offset, leaderEpoch, metadata });
      }
      this.pending.delete(one);
    }
  }

  /** Forgets offsets of transactions that will never end. */
  dropPending(is: (pending: PendingOffset) => boolean): void {
    this.pending.deleteWhere(is);
  }

  /** Whether a transaction may still change an offset. */
  isUnstable(group: string, topic: string, partition: number): boolean {
    return this.pending.has(group, topic, partition);
  }

  /** Whether a group has offsets, or may have when a transaction ends. */
  hasAny(group: string): boolean {
    return this.of(group).size > 0 || this.pending.hasAny(group);
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition);
  }

  /** All offsets of a group, by topic. */
  of(group: string): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.#groups.get(group) ?? new Map();
  }

  deleteGroup(group: string): void {
    for (const topic of this.#groups.get(group)?.keys() ?? []) this.#drop(group, topic);
    this.#groups.delete(group);
    this.pending.deleteWhere((one) => one.group === group);
  }

  deleteTopic(topic: string): void {
    this.pending.deleteWhere((one) => one.topic === topic);
    for (const [group, topics] of this.#groups) {
      this.#drop(group, topic);
      topics.delete(topic);
      if (topics.size === 0) this.#groups.delete(group);
    }
  }

  #store(
    group: string,
    topic: string,
    partition: number,
    committed: Omit<CommittedOffset, 'at'>,
  ): void {
    const stored = { ...committed, at: this.clock.now() };
    this.journal.set(keyOf(group, topic, partition), stored);
    this.#put(group, topic, partition, stored);
  }

  #drop(group: string, topic: string): void {
    for (const partition of this.#groups.get(group)?.get(topic)?.keys() ?? []) {
      this.journal.delete(keyOf(group, topic, partition));
    }
  }

  #put(group: string, topic: string, partition: number, committed: CommittedOffset): void {
    let topics = this.#groups.get(group);
    if (topics === undefined) this.#groups.set(group, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    partitions.set(partition, committed);
  }
}

/** Group ids may hold anything, topic names no slash: the group goes last. */
function keyOf(group: string, topic: string, partition: number): string {
  return `${topic}/${partition}/${group}`;
}

function partsOf(key: string): { group: string; topic: string; partition: number } {
  const first = key.indexOf('/');
  const second = key.indexOf('/', first + 1);
  return {
    topic: key.slice(0, first),
    partition: Number(key.slice(first + 1, second)),
    group: key.slice(second + 1),
  };
}
