import type { BulkheadOptions } from '../bulkhead/bulkhead.options.js';
import type { CircuitBreakerOptions } from '../circuit-breaker/circuit-breaker.options.js';
import type { ErrorClass } from '../outcome/error-matcher.js';
import type { RetryOptions } from '../retry/retry.options.js';
import type { TimeoutOptions } from '../timeout/timeout.options.js';

/** Options of the policies that a registry keeps by kind and name. */
export interface PolicyOptions {
  'circuit-breaker': CircuitBreakerOptions;
  bulkhead: BulkheadOptions;
  retry: RetryOptions;
  timeout: TimeoutOptions;
}

/** Kinds of policies that a registry keeps. */
export type NamedKind = keyof PolicyOptions;

/** What a decorator asks for: a policy of the registry, made with these options when new. */
export type NamedRequest = {
  [K in NamedKind]: {
    readonly kind: K;
    /** Absent: named after the class or method it stands on. */
    readonly name: string | undefined;
    readonly options: PolicyOptions[K] | undefined;
  };
}[NamedKind];

/** A fallback by name of a method of the same class, or as a function. */
export interface FallbackRequest {
  readonly kind: 'fallback';
  readonly handler: string | ((...args: never[]) => unknown);
  readonly on: readonly ErrorClass[] | undefined;
}

/** What any resilience decorator asks for. */
export type PolicyRequest = NamedRequest | FallbackRequest;

/** A request together with where it stands, as errors name it. */
export type PlacedRequest = PolicyRequest & { readonly place: string };
