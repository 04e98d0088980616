/** A request as a fault decides on it. */
export interface FaultPoint {
  /** Name of the API, such as `Produce` or `JoinGroup`. */
  readonly api: string;
  readonly version: number;
  readonly clientId: string;
}

/**
 * What goes wrong with one request. At `request` it happens before the broker acts on it, at
 * `response` after, so that the client does not know what became of it. A `drop` leaves the
 * connection open without an answer, a `disconnect` closes it, a `delay` holds it up for `ms`.
 */
export type Fault =
  | { readonly at: 'request' | 'response'; readonly action: 'drop' | 'disconnect' }
  | { readonly at: 'request' | 'response'; readonly action: 'delay'; readonly ms: number };

/** Asked for each request; answers `undefined` to leave it alone. */
export type FaultRule = (point: FaultPoint) => Fault | undefined;

/** The rules in force. */
export class Faults {
  readonly #rules = new Set<FaultRule>();

  /** Adds a rule; the returned function ends it. */
  add(rule: FaultRule): () => void {
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  /** The fault of the first rule that wants one. */
  for(point: FaultPoint): Fault | undefined {
    for (const rule of this.#rules) {
      const fault = rule(point);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}
