/** How a part of the service is. `degraded` still serves: something it would like is missing. */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** Kubernetes' three questions. `live` must never depend on anything outside the process. */
export type HealthGroup = 'live' | 'ready' | 'startup';

/** One answer of a health check. */
export interface HealthResult {
  readonly status: HealthStatus;
  /** Facts for operators; no secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A part of the service that can say how it is. */
export interface HealthContributor {
  /** Unique within the service, for example `database`. */
  readonly name: string;
  /** Which questions its answer counts for. */
  readonly groups: readonly HealthGroup[];
  /** Answers soon; `signal` aborts when nobody waits any more. A throw counts as `down`. */
  check(signal: AbortSignal): HealthResult | Promise<HealthResult>;
}

/** Where the parts of a service say how they are; the actuator asks them. */
export class HealthRegistry {
  readonly #contributors = new Map<string, HealthContributor>();

  /**
   * Adds a contributor; the returned function removes it.
   *
   * @throws Error when the name is taken
   */
  register(contributor: HealthContributor): () => void {
    if (this.#contributors.has(contributor.name)) {
      throw new Error(`health contributor '${contributor.name}' is registered already`);
    }
    this.#contributors.set(contributor.name, contributor);
    return () => void this.#contributors.delete(contributor.name);
  }

  /** All contributors, or those of one group. */
  contributors(group?: HealthGroup): HealthContributor[] {
    const all = [...this.#contributors.values()];
    return group === undefined ? all : all.filter(({ groups }) => groups.includes(group));
  }
}
