import { ErrorCode } from '../protocol/error-code.js';
import type { Journal } from '../storage/journal.js';
import type { TopicStore } from '../topic/topic-store.js';
import { Coordinators, type Coordinated } from './coordinators.js';
import { Leadership, type StoredPlacements } from './leadership.js';
import { Nodes, type Endpoint } from './nodes.js';

/** Groups, as far as they notice that their coordinator changed. */
export interface CoordinatedGroups {
  all(): { readonly id: string }[];
  /** Called when the coordinator of a group is another node than before. */
  moved(id: string): void;
}

/** The virtual nodes and what each of them leads and coordinates. */
export class Cluster {
  readonly nodes: Nodes;
  readonly leadership: Leadership;
  readonly #coordinators: Coordinators;
  #topics: Pick<TopicStore, 'all' | 'onDelete'> | undefined;
  #groups: CoordinatedGroups | undefined;

  constructor(count: number, journal: Journal<StoredPlacements>) {
    this.nodes = new Nodes(count);
    this.leadership = new Leadership(this.nodes, journal);
    this.#coordinators = new Coordinators(this.nodes);
  }

  /** What follows the nodes; the store needs the leadership first, so it comes later. */
  attach(topics: Pick<TopicStore, 'all' | 'onDelete'>, groups: CoordinatedGroups): void {
    this.#topics = topics;
    this.#groups = groups;
    this.leadership.keepOnly(topics.all());
    topics.onDelete((_name, id) => this.leadership.forget(id));
  }

  /** The node that coordinates, -1 when all are down. */
  coordinatorOf(kind: Coordinated, id: string): number {
    return this.#coordinators.of(kind, id);
  }

  /** Why a node may not answer for a group or transactional id; NONE if it may. */
  checkCoordinator(kind: Coordinated, id: string, node: number): ErrorCode {
    return this.coordinatorOf(kind, id) === node ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
  }

  /** @returns the node it has now */
  moveCoordinator(kind: Coordinated, id: string, to?: number): number {
    const before = this.coordinatorOf(kind, id);
    const now = this.#coordinators.move(kind, id, to);
    if (kind === 'group' && now !== before) this.#groups?.moved(id);
    return now;
  }

  /** A node that is up from now on. The first call for all nodes is the start of the cluster. */
  join(...endpoints: Endpoint[]): void {
    this.#change(() => {
      for (const endpoint of endpoints) this.nodes.join(endpoint);
    });
  }

  /** A node that is down: others lead and coordinate what it did. */
  leave(id: number): void {
    this.#change(() => this.nodes.leave(id));
  }

  #change(change: () => void): void {
    const groups = this.#groups?.all().map(({ id }) => id) ?? [];
    const before = groups.map((id) => this.coordinatorOf('group', id));
    change();
    this.leadership.elect(this.#topics?.all() ?? []);
    for (const [at, id] of groups.entries()) {
      if (this.coordinatorOf('group', id) !== before[at]) this.#groups?.moved(id);
    }
  }
}
