import type { GatewayOptions, RouteOptions } from '../gateway.options.js';
import { parseFilter, type Filter } from './filters.js';
import type { PathVariables } from './path-pattern.js';
import { parsePredicate, type Candidate, type Predicate } from './predicates.js';

/** Where a route leads. */
export type Upstream =
  | { readonly kind: 'service'; readonly name: string }
  | { readonly kind: 'origin'; readonly name: string; readonly origin: string };

/** A compiled route. */
export interface Route {
  readonly id: string;
  readonly upstream: Upstream;
  readonly filters: readonly Filter[];
  readonly auth: RouteOptions['auth'];
  readonly timeoutMs: number;
  readonly bodyLimit: number;
}

/** A route that takes a request, and what its path pattern found. */
export interface Match {
  readonly route: Route;
  readonly variables: PathVariables;
}

interface Entry {
  readonly route: Route;
  readonly predicates: readonly Predicate[];
  /** Place in the order of all routes. */
  readonly place: number;
}

const NONE: readonly Entry[] = [];

/**
 * The routes, in order. Looking one up costs the routes that share the request's first path segment
 * and those without a literal one, however many others there are.
 */
export class RouteTable {
  readonly #bySegment = new Map<string, Entry[]>();
  /** Routes that could take any first segment. */
  readonly #others: Entry[] = [];

  /** @throws Error when a predicate or filter is wrong; the schema of the options finds it first */
  constructor(options: GatewayOptions) {
    const routes = [...options.routes].sort((a, b) => a.order - b.order);
    routes.forEach((route, place) => this.#add(compile(route, place, options)));
  }

  /** The first route whose predicates all hold. */
  find(candidate: Candidate): Match | undefined {
    const end = candidate.path.indexOf('/', 1);
    const first = end === -1 ? candidate.path.slice(1) : candidate.path.slice(1, end);
    const specific = this.#bySegment.get(first) ?? NONE;
    const others = this.#others;
    // Both lists are in order of place; together they are walked in that order.
    for (let i = 0, j = 0; i < specific.length || j < others.length;) {
      const takeSpecific =
        j === others.length || (i < specific.length && specific[i]!.place < others[j]!.place);
      const { route, predicates } = takeSpecific ? specific[i++]! : others[j++]!;
      const variables = testAll(predicates, candidate);
      if (variables !== undefined) return { route, variables };
    }
    return undefined;
  }

  #add(entry: Entry): void {
    const segments = firstSegments(entry);
    if (segments === undefined) this.#others.push(entry);
    for (const segment of segments ?? []) {
      const bucket = this.#bySegment.get(segment);
      if (bucket === undefined) this.#bySegment.set(segment, [entry]);
      else bucket.push(entry);
    }
  }
}

function testAll(
  predicates: readonly Predicate[],
  candidate: Candidate,
): PathVariables | undefined {
  let variables: PathVariables = {};
  for (const { test } of predicates) {
    const found = test(candidate);
    if (found === undefined) return undefined;
    variables = { ...variables, ...found };
  }
  return variables;
}

function compile(route: RouteOptions, place: number, options: GatewayOptions): Entry {
  return {
    place,
    predicates: route.predicates.map(parsePredicate),
    route: {
      id: route.id,
      upstream: upstreamOf(route.uri),
      filters: [...options.defaultFilters, ...route.filters].map(parseFilter),
      auth: route.auth,
      timeoutMs: route.timeout ?? options.responseTimeout,
      bodyLimit: route.bodyLimit ?? options.bodyLimit,
    },
  };
}

function upstreamOf(uri: string): Upstream {
  if (uri.startsWith('lb://')) return { kind: 'service', name: uri.slice('lb://'.length) };
  const { origin, host } = new URL(uri);
  return { kind: 'origin', name: host, origin };
}

/** The literal first segments that a route's paths begin with; `undefined` when any will do. */
function firstSegments({ predicates }: Entry): ReadonlySet<string> | undefined {
  for (const { paths } of predicates) {
    const segments = paths?.map(({ firstSegment }) => firstSegment);
    if (segments?.every((segment) => segment !== undefined)) return new Set(segments);
  }
  return undefined;
}
