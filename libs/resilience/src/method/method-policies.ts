import { InvalidOptionError } from '@rookery/core';
import type { FallbackRule } from '../fallback/fallback.js';
import { Fallback } from '../fallback/fallback.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { Policy } from '../pipeline/policy.js';
import type { ResilienceRegistry } from '../registry/resilience-registry.js';
import type { FallbackRequest, NamedRequest, PolicyRequest } from './policy-request.js';

/** All that the resilience decorators of one method ask for. */
export class MethodPolicies {
  readonly #named = new Map<string, NamedRequest>();
  readonly #fallbacks: FallbackRequest[] = [];

  constructor(
    /** `InventoryClient#stock`: the default name of its policies. */
    readonly place: string,
    /** How many parameters the method declares; a fallback gets the error after so many. */
    private readonly arity: number,
  ) {}

  /** Names of methods that answer as fallbacks. */
  get fallbackMethods(): string[] {
    return this.#fallbacks.map(({ handler }) => handler).filter((name) => typeof name === 'string');
  }

  has(kind: PolicyRequest['kind']): boolean {
    return kind === 'fallback' ? this.#fallbacks.length > 0 : this.#named.has(kind);
  }

  /** @throws InvalidOptionError when a policy of that kind is there already */
  add(request: PolicyRequest): void {
    if (request.kind === 'fallback') {
      this.#fallbacks.push(request);
      return;
    }
    if (this.#named.has(request.kind)) {
      throw new InvalidOptionError(this.place, [`${request.kind}: is there twice, expected one`]);
    }
    this.#named.set(request.kind, request);
  }

  /** Takes over all that another set of the same method asks for. */
  adopt(other: MethodPolicies): void {
    for (const request of other.#named.values()) this.add(request);
    this.#fallbacks.push(...other.#fallbacks);
  }

  /**
   * The pipeline for one instance, its policies from the registry.
   *
   * @throws InvalidOptionError when options are wrong or a fallback names no method
   */
  bind(instance: object, registry: ResilienceRegistry): Pipeline {
    const policies: Policy[] = [...this.#named.values()].map((request) =>
      registry.policy({ ...request, name: request.name ?? this.place }),
    );
    if (this.#fallbacks.length > 0) {
      const rules = this.#fallbacks.map((request) => this.#rule(request, instance));
      policies.push(new Fallback(rules, { name: this.place, app: registry.app }));
    }
    return new Pipeline(policies);
  }

  #rule({ handler, on }: FallbackRequest, instance: object): FallbackRule {
    const method =
      typeof handler === 'string' ? (instance as Record<string, unknown>)[handler] : handler;
    if (typeof method !== 'function') {
      throw new InvalidOptionError(`@Fallback on ${this.place}`, [
        `${String(handler)}: is no method of ${instance.constructor.name}`,
      ]);
    }
    const answer = (error: unknown, args: readonly unknown[]): unknown => {
      const given = [...args];
      while (given.length < this.arity) given.push(undefined);
      return Reflect.apply(method, instance, [...given, error]);
    };
    return on === undefined ? { handler: answer } : { handler: answer, on };
  }
}
