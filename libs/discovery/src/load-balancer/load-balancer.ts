import { systemClock, systemRandom, type Clock, type Random } from '@rookery/core';
import { NoInstanceError } from '../discovery.errors.js';
import type { ServiceInstance } from '../registry/service-instance.js';
import type { ServiceRegistry } from '../registry/service-registry.js';
import { InstanceLoad } from './instance-load.js';
import { STRATEGIES, type StrategyName } from './strategy.js';

/** How a call ended. `unreachable`: no connection, so the instance never saw it. */
export type LeaseOutcome = 'success' | 'failure' | 'unreachable';

/** A chosen instance, counted as busy until it is released. */
export interface Lease {
  readonly instance: ServiceInstance;
  /** Ends the call. Further calls do nothing. */
  release(outcome: LeaseOutcome): void;
}

/** Options of {@link LoadBalancer.choose}. */
export interface ChooseOptions {
  /** Ids of instances to avoid while there are others, such as those tried before. */
  readonly exclude?: ReadonlySet<string>;
  /** @default the configured one */
  readonly strategy?: StrategyName;
}

/** Settings of a {@link LoadBalancer}, asked for at each choice, so that they may change. */
export interface LoadBalancerSettings {
  readonly strategy: StrategyName;
  /** Milliseconds for which an unreachable instance is passed over at first. */
  readonly ejection: number;
  readonly maxEjection: number;
}

/** What a load balancer has done for a service. */
export interface ServiceLoad {
  readonly serviceId: string;
  readonly active: number;
  readonly success: number;
  readonly failure: number;
  readonly unreachable: number;
  /** Choices that found no instance. */
  readonly discard: number;
}

class ServiceState {
  turn: number;
  success = 0;
  failure = 0;
  unreachable = 0;
  discard = 0;
  readonly loads = new Map<string, InstanceLoad>();

  /** Callers that start together shall not all begin with the same instance. */
  constructor(random: Random) {
    this.turn = Math.floor(random() * 1_000);
  }
}

const DEFAULTS: LoadBalancerSettings = {
  strategy: 'round-robin',
  ejection: 1_000,
  maxEjection: 30_000,
};

/**
 * Chooses instances for calls, by what the registry lists and by what earlier calls of this process
 * found: an instance that could not be reached is passed over, though the registry still lists it.
 */
export class LoadBalancer {
  readonly #registry: ServiceRegistry;
  readonly #settings: () => LoadBalancerSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #services = new Map<string, ServiceState>();
  readonly #stopListening: () => void;

  constructor(
    registry: ServiceRegistry,
    options: {
      readonly settings?: () => LoadBalancerSettings;
      readonly clock?: Clock;
      readonly random?: Random;
    } = {},
  ) {
    this.#registry = registry;
    this.#settings = options.settings ?? (() => DEFAULTS);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#stopListening = registry.onChange(({ services }) => this.#forgetGone(services));
  }

  /**
   * Chooses an instance that is up. When all have been unreachable lately, or are excluded, those
   * are chosen from nevertheless: a wrong guess costs one call, giving up costs all.
   *
   * @throws NoInstanceError when the registry lists none that is up
   */
  choose(serviceId: string, { exclude, strategy }: ChooseOptions = {}): Lease {
    const id = serviceId.toLowerCase();
    const settings = this.#settings();
    const up = this.#registry.instances(id).filter(({ status }) => status === 'UP');
    if (up.length === 0) {
      const known = this.#services.get(id);
      if (known !== undefined) known.discard++;
      throw new NoInstanceError(id);
    }
    const state = this.#stateOf(id);
    const now = this.#clock.monotonic();
    const others = exclude === undefined ? up : up.filter((each) => !exclude.has(each.instanceId));
    const reachable = (each: ServiceInstance): boolean => !this.#load(state, each).isEjected(now);
    const candidates = firstNonEmpty(others.filter(reachable), up.filter(reachable), others, up);
    const choose = STRATEGIES[strategy ?? settings.strategy];
    const instance = choose(candidates, state.turn++, (each) => this.#load(state, each).active);
    return this.#lease(state, instance);
  }

  /** Counts per service, in order of first use. */
  loads(): ServiceLoad[] {
    return [...this.#services].map(([serviceId, state]) => ({
      serviceId,
      active: [...state.loads.values()].reduce((sum, { active }) => sum + active, 0),
      success: state.success,
      failure: state.failure,
      unreachable: state.unreachable,
      discard: state.discard,
    }));
  }

  /** Stops listening to the registry. */
  close(): void {
    this.#stopListening();
  }

  #lease(state: ServiceState, instance: ServiceInstance): Lease {
    const load = this.#load(state, instance);
    load.active++;
    let released = false;
    return {
      instance,
      release: (outcome) => {
        if (released) return;
        released = true;
        load.active--;
        state[outcome]++;
        if (outcome !== 'unreachable') {
          load.reached();
          return;
        }
        const { ejection, maxEjection } = this.#settings();
        load.missed(this.#clock.monotonic(), ejection, maxEjection);
      },
    };
  }

  /** Only services that the registry lists get here, so that ids of requests cannot fill the map. */
  #stateOf(id: string): ServiceState {
    let state = this.#services.get(id);
    if (state === undefined) this.#services.set(id, (state = new ServiceState(this.#random)));
    return state;
  }

  #load(state: ServiceState, { instanceId, registeredAt }: ServiceInstance): InstanceLoad {
    const known = state.loads.get(instanceId);
    // One that registered anew is a new process: what the old one did does not count.
    if (known !== undefined && known.registeredAt === registeredAt) return known;
    const load = new InstanceLoad(registeredAt);
    state.loads.set(instanceId, load);
    return load;
  }

  #forgetGone(services: readonly string[]): void {
    for (const id of services) {
      const state = this.#services.get(id);
      if (state === undefined) continue;
      const listed = new Set(this.#registry.instances(id).map(({ instanceId }) => instanceId));
      for (const instanceId of state.loads.keys()) {
        if (!listed.has(instanceId)) state.loads.delete(instanceId);
      }
    }
  }
}

function firstNonEmpty(
  ...lists: readonly (readonly ServiceInstance[])[]
): readonly ServiceInstance[] {
  return lists.find(({ length }) => length > 0) ?? [];
}
