import type { ServiceInstance } from '../registry/service-instance.js';

/** Names of the strategies that configuration may choose. */
export type StrategyName = 'round-robin' | 'least-loaded';

/** Chooses among at least one candidate. `turn` grows by one with each choice for the service. */
export type Strategy = (
  candidates: readonly ServiceInstance[],
  turn: number,
  activeOf: (instance: ServiceInstance) => number,
) => ServiceInstance;

/** One after the other. */
export const roundRobin: Strategy = (candidates, turn) =>
  candidates[turn % candidates.length] as ServiceInstance;

/** The one with the fewest calls of ours; among equals one after the other. */
export const leastLoaded: Strategy = (candidates, turn, activeOf) => {
  let best = candidates[turn % candidates.length] as ServiceInstance;
  let least = activeOf(best);
  for (let i = 1; i < candidates.length && least > 0; i++) {
    const candidate = candidates[(turn + i) % candidates.length] as ServiceInstance;
    const active = activeOf(candidate);
    if (active < least) [best, least] = [candidate, active];
  }
  return best;
};

export const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = {
  'round-robin': roundRobin,
  'least-loaded': leastLoaded,
};
