import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import type { Journal } from '../storage/journal.js';
import { endOfEpoch, epochAt, withEpoch, type EpochStart } from './epoch-history.js';
import { spreadOf, type Nodes } from './nodes.js';

/** A partition's place in the cluster. */
export interface Placement {
  /** The node that leads, -1 when none of its replicas is up. */
  readonly leader: number;
  /** Grows with each change of the leader. */
  readonly epoch: number;
  /** Nodes said to have a copy, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly history: readonly EpochStart[];
}

/** What of a topic leadership needs. */
export interface PlacedTopic {
  readonly id: string;
  readonly name: string;
  readonly partitions: readonly { readonly endOffset: number; wake(): void }[];
}

/** A topic's placements as kept between starts; absent while all is where it was first put. */
export type StoredPlacements = readonly Placement[];

/** Copies of a topic created without a number, if there are so many nodes. */
const DEFAULT_REPLICAS = 3;

/** Who leads which partition, in which epoch. The records themselves are everywhere. */
export class Leadership {
  readonly #placements = new Map<string, Placement[]>();

  constructor(
    private readonly nodes: Nodes,
    private readonly journal: Journal<StoredPlacements>,
  ) {
    for (const [id, stored] of journal.entries()) {
      // A cluster that was restarted with fewer nodes has no copies on the others any more.
      const kept = stored.map((one) => {
        const replicas = one.replicas.filter((node) => nodes.ids.includes(node));
        return { ...one, replicas: replicas.length > 0 ? replicas : [nodes.ids[0] as number] };
      });
      this.#placements.set(id, kept);
    }
  }

  /** Copies of a topic created without a number. */
  get defaultReplicas(): number {
    return Math.min(DEFAULT_REPLICAS, this.nodes.ids.length);
  }

  /** Where a partition is; made on first sight, so that it costs nothing to have many. */
  of(topic: Pick<PlacedTopic, 'id' | 'name'>, index: number): Placement {
    let all = this.#placements.get(topic.id);
    if (all === undefined) this.#placements.set(topic.id, (all = []));
    for (let next = all.length; next <= index; next++) {
      const replicas = this.nodes.ring(
        spreadOf(topic.name) + next,
        all[0]?.replicas.length ?? this.defaultReplicas,
      );
      all.push({ leader: replicas[0] as number, epoch: 0, replicas, history: [[0, 0]] });
    }
    return all[index] as Placement;
  }

  /** Puts the partitions of a new topic, or those added to one, on nodes. */
  assign(topic: PlacedTopic, replicas: readonly (readonly number[])[], from = 0): void {
    const all = this.#all(topic);
    for (const [at, nodes] of replicas.entries()) {
      const leader = nodes[0] as number;
      all[from + at] = { leader, epoch: 0, replicas: [...nodes], history: [[0, 0]] };
    }
    this.#save(topic, all);
    this.elect([topic]);
  }

  /** Nodes for the partitions of a topic with so many copies. */
  spread(name: string, partitions: number, copies: number): number[][] {
    return Array.from({ length: partitions }, (_, index) =>
      this.nodes.ring(spreadOf(name) + index, copies),
    );
  }

  /** Copies of a partition that are up. */
  inSync(placement: Placement): number[] {
    return placement.replicas.filter((node) => this.nodes.isLive(node));
  }

  /**
   * Checks that a node leads a partition, in the epoch that the client believes in (-1: any).
   *
   * @throws ProtocolError FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH or NOT_LEADER_OR_FOLLOWER
   */
  check(topic: PlacedTopic, index: number, node: number, epoch = -1): Placement {
    const placement = this.of(topic, index);
    const place = `${topic.name}-${index}`;
    // As in Kafka, a copy knows of a newer epoch before it says that it does not lead.
    if (epoch >= 0 && epoch !== placement.epoch && placement.replicas.includes(node)) {
      throw epoch < placement.epoch
        ? new ProtocolError(
            ErrorCode.FENCED_LEADER_EPOCH,
            `${place}: epoch ${epoch} is over, ${placement.epoch} is current`,
          )
        : new ProtocolError(
            ErrorCode.UNKNOWN_LEADER_EPOCH,
            `${place}: epoch ${epoch} never was, ${placement.epoch} is current`,
          );
    }
    if (placement.leader === node) return placement;
    throw new ProtocolError(
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      `${place}: led by node ${placement.leader}, not ${node}`,
    );
  }

  /**
   * Gives a partition to another node; without one, to the next copy that is up. With nobody else to
   * take it, the same node leads on in a new epoch.
   */
  move(topic: PlacedTopic, index: number, to?: number): number {
    const { leader, replicas } = this.of(topic, index);
    const at = replicas.indexOf(leader);
    const others = [...replicas.slice(at + 1), ...replicas.slice(0, at)];
    const anywhere = this.nodes.live.map(({ nodeId }) => nodeId).filter((id) => id !== leader);
    const next = to ?? [...others, ...anywhere].find((node) => this.nodes.isLive(node)) ?? leader;
    this.#lead(topic, index, next);
    return next;
  }

  /** Finds leaders for the partitions whose leader is down, and for those that had none. */
  elect(topics: readonly PlacedTopic[]): void {
    for (const topic of topics) {
      for (const index of topic.partitions.keys()) {
        const placement = this.of(topic, index);
        if (this.nodes.isLive(placement.leader)) continue;
        const next = this.inSync(placement)[0] ?? -1;
        if (next !== placement.leader) this.#lead(topic, index, next);
      }
    }
  }

  /** Where an epoch ended; see {@link endOfEpoch}. */
  endOf(topic: PlacedTopic, index: number, epoch: number) {
    const { history, epoch: current } = this.of(topic, index);
    return endOfEpoch(history, current, epoch, topic.partitions[index]?.endOffset ?? 0);
  }

  /** The epoch in which the record at an offset was stored. */
  epochAt(topic: PlacedTopic, index: number, offset: number): number {
    return epochAt(this.of(topic, index).history, offset);
  }

  /** Drops what a kill left behind of topics that were being deleted. */
  keepOnly(topics: readonly PlacedTopic[]): void {
    const ids = new Set(topics.map(({ id }) => id));
    for (const id of this.#placements.keys()) if (!ids.has(id)) this.forget(id);
  }

  /** Drops what is known of a deleted topic. */
  forget(id: string): void {
    this.#placements.delete(id);
    this.journal.delete(id);
  }

  #lead(topic: PlacedTopic, index: number, leader: number): void {
    const log = topic.partitions[index];
    const old = this.of(topic, index);
    const all = this.#all(topic);
    const epoch = old.epoch + 1;
    const joins = leader >= 0 && !old.replicas.includes(leader);
    all[index] = {
      leader,
      epoch,
      // A node that had no copy takes the place of the one that led.
      replicas: joins ? old.replicas.map((id) => (id === old.leader ? leader : id)) : old.replicas,
      history: leader < 0 ? old.history : withEpoch(old.history, epoch, log?.endOffset ?? 0),
    };
    this.#save(topic, all);
    log?.wake();
  }

  #all(topic: PlacedTopic): Placement[] {
    if (topic.partitions.length > 0) this.of(topic, topic.partitions.length - 1);
    return this.#placements.get(topic.id) as Placement[];
  }

  #save(topic: PlacedTopic, all: readonly Placement[]): void {
    this.journal.set(topic.id, all);
  }
}
