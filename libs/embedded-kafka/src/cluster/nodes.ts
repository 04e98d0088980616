/** Where clients reach a node, as Metadata tells them. */
export interface Endpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/**
 * The virtual nodes: ids 1 to n, each with a port of its own. All work on the same store in the same
 * process; what differs is who leads and coordinates what, which is all that a client notices.
 */
export class Nodes {
  /** All there are, those that are down included. */
  readonly ids: readonly number[];
  readonly #live = new Map<number, Endpoint>();

  constructor(count: number) {
    this.ids = Array.from({ length: count }, (_, index) => index + 1);
  }

  /** Those that are up, by id. */
  get live(): Endpoint[] {
    return this.ids.flatMap((id) => this.#live.get(id) ?? []);
  }

  /** The node that Metadata names as controller, -1 when all are down. */
  get controllerId(): number {
    return this.live[0]?.nodeId ?? -1;
  }

  isLive(id: number): boolean {
    return this.#live.has(id);
  }

  endpoint(id: number): Endpoint | undefined {
    return this.#live.get(id);
  }

  join(endpoint: Endpoint): void {
    this.#live.set(endpoint.nodeId, endpoint);
  }

  leave(id: number): void {
    this.#live.delete(id);
  }

  /** `count` ids in a ring from the place `start`, for a spread that is the same at each start. */
  ring(start: number, count = this.ids.length): number[] {
    return Array.from(
      { length: count },
      (_, step) => this.ids[(start + step) % this.ids.length] as number,
    );
  }
}

/** Java's `String.hashCode` without its sign, by which Kafka spreads groups as well. */
export function spreadOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash & 0x7fffffff;
}
