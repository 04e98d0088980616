import type { Clock } from '@rookery/core';
import type { Journal } from '../storage/journal.js';
import { ConsumerGroup } from './consumer-group.js';

/** What outlives the broker of a group besides its offsets. */
export interface StoredGroup {
  readonly generation: number;
  readonly protocolType: string | null;
}

/** What a {@link GroupCoordinator} needs. */
export interface GroupCoordinatorOptions {
  readonly journal: Journal<StoredGroup>;
  readonly clock: Clock;
  readonly initialRebalanceDelay: number;
  /** Whether a group is worth keeping when it has no members. */
  readonly hasOffsets: (group: string) => boolean;
  readonly log: (line: string) => void;
  /** Groups at a time, those without members included. Default 10,000. */
  readonly maxGroups?: number;
}

/** Members of one group. */
const MAX_MEMBERS = 1_000;
const MAX_GROUPS = 10_000;

/** All groups of the cluster, whichever node coordinates them. */
export class GroupCoordinator {
  readonly #groups = new Map<string, ConsumerGroup>();

  constructor(private readonly options: GroupCoordinatorOptions) {
    // Members of before a restart are gone, but a generation number must never come twice: an old
    // member with an old number would pass for a current one.
    for (const [id, { generation, protocolType }] of options.journal.entries()) {
      if (!options.hasOffsets(id)) {
        options.journal.delete(id);
        continue;
      }
      this.#open(id, generation, protocolType);
    }
  }

  get(id: string): ConsumerGroup | undefined {
    return this.#groups.get(id);
  }

  all(): ConsumerGroup[] {
    return [...this.#groups.values()];
  }

  /** The group, made if need be; `undefined` when there are too many. */
  getOrCreate(id: string): ConsumerGroup | undefined {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    const { maxGroups = MAX_GROUPS } = this.options;
    if (this.#groups.size >= maxGroups) this.#dropUnused();
    return this.#groups.size < maxGroups ? this.#open(id, 0, null) : undefined;
  }

  /** Forgets a group; the caller has checked that it is empty. */
  delete(id: string): void {
    this.#groups.get(id)?.close();
    this.#groups.delete(id);
    this.options.journal.delete(id);
  }

  /** Tells a group that another node coordinates it from now on. */
  moved(id: string): void {
    this.#groups.get(id)?.coordinatorMoved();
  }

  close(): void {
    for (const group of this.#groups.values()) group.close();
    this.#groups.clear();
  }

  #dropUnused(): void {
    for (const [id, group] of this.#groups) {
      if (group.isEmpty && !this.options.hasOffsets(id)) this.delete(id);
    }
  }

  #open(id: string, generation: number, protocolType: string | null): ConsumerGroup {
    const { clock, initialRebalanceDelay, journal, log } = this.options;
    const group = new ConsumerGroup(
      id,
      {
        clock,
        initialRebalanceDelay,
        maxMembers: MAX_MEMBERS,
        onGeneration: (number, protocolType) => {
          try {
            journal.set(id, { generation: number, protocolType });
          } catch (error) {
            // The members can work on; only a restart would number from an older generation.
            log(`group ${id}: cannot store its generation: ${(error as Error).message}`);
          }
        },
      },
      generation,
      protocolType,
    );
    this.#groups.set(id, group);
    return group;
  }
}
