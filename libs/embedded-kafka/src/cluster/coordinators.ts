import { spreadOf, type Nodes } from './nodes.js';

/** What has a coordinator. */
export type Coordinated = 'group' | 'transaction';

/** Partitions of Kafka's internal topics, whose leaders coordinate. */
const SLOTS = 50;

/** Which node coordinates which group and transactional id. */
export class Coordinators {
  /** Those moved by hand; the others follow from their name and the nodes that are up. */
  readonly #moved = new Map<string, number>();

  constructor(private readonly nodes: Nodes) {}

  /** The node, -1 when all are down. */
  of(kind: Coordinated, id: string): number {
    const moved = this.#moved.get(`${kind} ${id}`);
    if (moved !== undefined && this.nodes.isLive(moved)) return moved;
    const ring = this.nodes.ring(spreadOf(id) % SLOTS);
    return ring.find((node) => this.nodes.isLive(node)) ?? -1;
  }

  /** Gives it to another node, without one to the next that is up. */
  move(kind: Coordinated, id: string, to?: number): number {
    const now = this.of(kind, id);
    const ring = this.nodes.ring(Math.max(0, this.nodes.ids.indexOf(now)) + 1);
    const next = to ?? ring.find((node) => this.nodes.isLive(node)) ?? now;
    this.#moved.set(`${kind} ${id}`, next);
    return next;
  }
}
