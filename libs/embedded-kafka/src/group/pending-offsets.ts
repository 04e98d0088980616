import type { Journal } from '../storage/journal.js';

/** An offset that a transaction will commit, as kept between starts. */
export interface PendingOffset {
  readonly producerId: number;
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
  /** Committed otherwise since: that one stays, whatever becomes of the transaction. */
  readonly overtaken: boolean;
}

/** Offsets of transactions that are open. */
export class PendingOffsets {
  /** By group: most groups have none, and are asked about often. */
  readonly #groups = new Map<string, Map<string, PendingOffset>>();

  constructor(private readonly journal: Journal<PendingOffset>) {
    for (const [key, pending] of journal.entries()) this.#put(key, pending);
  }

  add(pending: Omit<PendingOffset, 'overtaken'>): void {
    this.#set({ ...pending, overtaken: false });
  }

  /** Whether a transaction may still change the group's offset in a partition. */
  has(group: string, topic: string, partition: number): boolean {
    return this.#of(group).some((one) => isIn(one, topic, partition));
  }

  /** Groups that have any. */
  groups(): Iterable<string> {
    return this.#groups.keys();
  }

  /** Whether a group has any. */
  hasAny(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Notes that an offset was committed outside of the transactions that are open. */
  overtake(group: string, topic: string, partition: number): void {
    for (const one of this.#of(group)) {
      if (isIn(one, topic, partition)) this.#set({ ...one, overtaken: true });
    }
  }

  /** What a producer's transaction would commit in a group. */
  of(group: string, producerId: number): PendingOffset[] {
    return this.#of(group).filter((one) => one.producerId === producerId);
  }

  delete(pending: PendingOffset): void {
    const key = keyOf(pending);
    this.journal.delete(key);
    const group = this.#groups.get(pending.group);
    group?.delete(key);
    if (group?.size === 0) this.#groups.delete(pending.group);
  }

  /** Deletes all that `is` says. */
  deleteWhere(is: (pending: PendingOffset) => boolean): void {
    for (const group of this.#groups.keys()) {
      for (const one of this.#of(group)) if (is(one)) this.delete(one);
    }
  }

  #of(group: string): PendingOffset[] {
    return [...(this.#groups.get(group)?.values() ?? [])];
  }

  #set(pending: PendingOffset): void {
    const key = keyOf(pending);
    this.journal.set(key, pending);
    this.#put(key, pending);
  }

  #put(key: string, pending: PendingOffset): void {
    let group = this.#groups.get(pending.group);
    if (group === undefined) this.#groups.set(pending.group, (group = new Map()));
    group.set(key, pending);
  }
}

function isIn(pending: PendingOffset, topic: string, partition: number): boolean {
  return pending.topic === topic && pending.partition === partition;
}

/** Group ids may hold anything, topic names no slash: the group goes last. */
function keyOf({ producerId, topic, partition, group }: PendingOffset): string {
  return `${producerId}/${topic}/${partition}/${group}`;
}
