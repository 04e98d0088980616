import type { ErrorCode } from '../protocol/error-code.js';

/** Name of an error of the protocol that a fault can answer with. */
export type ErrorName = keyof typeof ErrorCode;

/** A request as a fault decides on it. */
export interface FaultPoint {
  /** Name of the API, such as `Produce` or `JoinGroup`. */
  readonly api: string;
  readonly version: number;
  readonly clientId: string;
  /** The virtual node that was asked, from 1. */
  readonly node: number;
  /** Number of the connection, in the order of their arrival, from 1. */
  readonly connection: number;
  /** The topics it names. */
  readonly topics: readonly string[];
  /** The group it is for. */
  readonly group: string | undefined;
}

/** Before the broker acts on a request, or after, so that what it did stands. */
export type FaultStage = 'request' | 'response';

/**
 * What goes wrong with one request. At `request` it happens before the broker acts on it, at
 * `response` after, so that the client does not know what became of it: stored, but the answer is
 * lost. A `drop` leaves the connection open without an answer, a `disconnect` closes it, a `delay`
 * holds it up for `ms`, and an `error` is what the client is told instead.
 */
export type Fault =
  | { readonly at: FaultStage; readonly action: 'drop' | 'disconnect' }
  | { readonly at: FaultStage; readonly action: 'delay'; readonly ms: number }
  | { readonly at: FaultStage; readonly action: 'error'; readonly error: ErrorName };

/** Asked for each request; answers `undefined` to leave it alone. */
export type FaultRule = (point: FaultPoint) => Fault | undefined;

/** Ends a fault. Calling it again does nothing. */
export type Heal = () => void;

/** Which requests a fault is for; all that is given must fit. */
export interface RequestFilter {
  /** Names of APIs, such as `Produce`. */
  readonly api?: string | readonly string[];
  readonly clientId?: string;
  readonly node?: number;
  readonly connection?: number;
  /** One of the topics that the request names. */
  readonly topic?: string;
  readonly group?: string;
  /** Only every so many of those that fit, the first included. */
  readonly every?: number;
  /** Only so many; then the fault is over. */
  readonly times?: number;
}

/** The rules in force. */
export class FaultRules {
  readonly #rules = new Set<FaultRule>();

  add(rule: FaultRule): Heal {
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  clear(): void {
    this.#rules.clear();
  }

  get isEmpty(): boolean {
    return this.#rules.size === 0;
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

/** A rule that has the same in store for all requests that fit. */
export function ruleOf(filter: RequestFilter, fault: Fault): FaultRule {
  const { api, every = 1, times = Infinity } = filter;
  const apis = typeof api === 'string' ? [api] : api;
  let seen = 0;
  let done = 0;
  return (point) => {
    const fits =
      (apis === undefined || apis.includes(point.api)) &&
      (filter.clientId === undefined || filter.clientId === point.clientId) &&
      (filter.node === undefined || filter.node === point.node) &&
      (filter.connection === undefined || filter.connection === point.connection) &&
      (filter.topic === undefined || point.topics.includes(filter.topic)) &&
      (filter.group === undefined || filter.group === point.group);
    if (!fits || done >= times || seen++ % every !== 0) return undefined;
    done++;
    return fault;
  };
}

/** What a fault may be about, from a request of any API. Looked up only when a rule asks. */
export function faultPoint(
  request: unknown,
  point: Omit<FaultPoint, 'topics' | 'group'>,
): FaultPoint {
  const body = request as {
    topics?: readonly { name?: string | null }[] | null;
    names?: readonly string[];
    groupId?: string;
    key?: string;
  };
  return {
    ...point,
    get topics() {
      return [...(body.topics ?? []).flatMap(({ name }) => name ?? []), ...(body.names ?? [])];
    },
    get group() {
      return body.groupId;
    },
  };
}
