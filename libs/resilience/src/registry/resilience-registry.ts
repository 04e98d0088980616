import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError, type Clock, type Random } from '@rookery/core';
import { Bulkhead } from '../bulkhead/bulkhead.js';
import type { BulkheadOptions } from '../bulkhead/bulkhead.options.js';
import { CircuitBreaker } from '../circuit-breaker/circuit-breaker.js';
import type { CircuitBreakerOptions } from '../circuit-breaker/circuit-breaker.options.js';
import type { CircuitStateName } from '../circuit-breaker/circuit-state.js';
import type { EngineContext } from '../engine-context.js';
import type { NamedKind, NamedRequest } from '../method/policy-request.js';
import { TooManyPoliciesError, UnknownPolicyError } from '../resilience.errors.js';
import {
  effectiveOptions,
  resilienceSchema,
  type ResilienceSettings,
} from '../resilience.options.js';
import { Retry } from '../retry/retry.js';
import type { RetryOptions } from '../retry/retry.options.js';
import { Timeout } from '../timeout/timeout.js';
import type { TimeoutOptions } from '../timeout/timeout.options.js';

/** What a {@link ResilienceRegistry} is made of. */
export interface ResilienceRegistryParts {
  /** Service that owns the policies. */
  readonly app?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly settings?: ResilienceSettings;
}

/** A policy of the registry. */
export type NamedPolicy = CircuitBreaker | Bulkhead | Retry | Timeout;

/** A policy as operators see it. */
export interface PolicyDescription {
  readonly kind: NamedKind;
  readonly name: string;
  /** Of circuit breakers only. */
  readonly state?: CircuitStateName;
  readonly config: object;
  readonly metrics: object;
}

interface Entry {
  readonly policy: NamedPolicy;
  /** What the code asked for, below configuration. */
  readonly options: object | undefined;
}

/** Names come from code, so a service has dozens; this many are a leak. */
const MAX_POLICIES = 1_000;

/**
 * The named policies of one service: shared by all that ask for the same name, configured live,
 * listed and operated.
 */
export class ResilienceRegistry {
  readonly app: string;
  readonly #context: EngineContext;
  readonly #entries = new Map<string, Entry>();
  #settings: ResilienceSettings;

  constructor(parts: ResilienceRegistryParts = {}) {
    const { app = '', settings = resilienceSchema.parse({}), ...context } = parts;
    this.app = app;
    this.#context = { app, ...context };
    this.#settings = settings;
  }

  /** The breaker of that name, made when new. @throws InvalidOptionError */
  circuitBreaker(name: string, options?: CircuitBreakerOptions): CircuitBreaker {
    return this.policy({ kind: 'circuit-breaker', name, options }) as CircuitBreaker;
  }

  /** The bulkhead of that name, made when new. @throws InvalidOptionError */
  bulkhead(name: string, options?: BulkheadOptions): Bulkhead {
    return this.policy({ kind: 'bulkhead', name, options }) as Bulkhead;
  }

  /** The retry of that name, made when new. @throws InvalidOptionError */
  retry(name: string, options?: RetryOptions): Retry {
    return this.policy({ kind: 'retry', name, options }) as Retry;
  }

  /** The timeout of that name, made when new. @throws InvalidOptionError */
  timeout(name: string, options?: TimeoutOptions): Timeout {
    return this.policy({ kind: 'timeout', name, options }) as Timeout;
  }

  /**
   * The policy that a request names, made when new.
   *
   * @throws InvalidOptionError when options are wrong, or differ from those it was made with
   */
  policy({ kind, name = kind, options }: NamedRequest): NamedPolicy {
    const key = `${kind} ${name}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (options !== undefined && !isDeepStrictEqual(options, known.options)) {
        throw new InvalidOptionError(`${kind} '${name}'`, [
          'options: are given twice and differ, expected one place',
        ]);
      }
      return known.policy;
    }
    if (this.#entries.size >= MAX_POLICIES) throw new TooManyPoliciesError(MAX_POLICIES);
    const effective = effectiveOptions(this.#settings, kind, name, options ?? {});
    const policy = create(kind, effective, { ...this.#context, name });
    this.#entries.set(key, { policy, options });
    return policy;
  }

  /** All policies with their state and counts, in order of creation. */
  list(): PolicyDescription[] {
    return [...this.#entries.values()].map(({ policy }) => ({
      kind: policy.kind,
      name: policy.name,
      ...(policy.kind === 'circuit-breaker' ? { state: policy.state } : {}),
      config: policy.config,
      metrics: policy.metrics,
    }));
  }

  /** All policies of a kind. */
  all<K extends NamedKind>(kind: K): Extract<NamedPolicy, { kind: K }>[] {
    const policies = [...this.#entries.values()].map(({ policy }) => policy);
    return policies.filter((policy) => policy.kind === kind) as Extract<NamedPolicy, { kind: K }>[];
  }

  /** Puts a breaker back to its initial state with an empty window. @throws UnknownPolicyError */
  reset(name: string): void {
    this.#breaker(name).reset();
  }

  /** Puts a breaker in a state by hand. @throws UnknownPolicyError */
  force(name: string, state: CircuitStateName): void {
    this.#breaker(name).force(state);
  }

  /**
   * Takes other settings over, for all policies at once: when one of them is refused, none changes.
   *
   * @throws InvalidOptionError
   */
  configure(settings: ResilienceSettings): void {
    const previous = this.#settings;
    this.#settings = settings;
    try {
      this.#reconfigure();
    } catch (error) {
      this.#settings = previous;
      this.#reconfigure();
      throw error;
    }
  }

  /** Ends timers and refuses calls that wait. */
  close(): void {
    for (const { policy } of this.#entries.values()) {
      if (policy.kind === 'circuit-breaker' || policy.kind === 'bulkhead') policy.close();
    }
  }

  #reconfigure(): void {
    for (const { policy, options } of this.#entries.values()) {
      policy.update(effectiveOptions(this.#settings, policy.kind, policy.name, options ?? {}));
    }
  }

  #breaker(name: string): CircuitBreaker {
    const entry = this.#entries.get(`circuit-breaker ${name}`);
    if (entry === undefined) throw new UnknownPolicyError('circuit breaker', name);
    return entry.policy as CircuitBreaker;
  }
}

function create(kind: NamedKind, options: object, context: EngineContext): NamedPolicy {
  switch (kind) {
    case 'circuit-breaker':
      return new CircuitBreaker(options, context);
    case 'bulkhead':
      return new Bulkhead(options, context);
    case 'retry':
      return new Retry(options, context);
    case 'timeout':
      return new Timeout(options, context);
  }
}
