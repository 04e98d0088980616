import { InvalidOptionError } from '@rookery/core';
import type { Observable } from 'rxjs';
import { Attempt, type Divert, type Settle } from './attempt.js';
import { Execution } from './execution.js';
import { guardIterable, type IterableSource } from './guarded-iterable.js';
import { guardObservable, type ObservableSource } from './guarded-observable.js';
import type { CircuitBreakerPolicy, Guarded, Policy, PolicyKind, PolicySet } from './policy.js';

const NO_ARGS: readonly unknown[] = [];

/**
 * Policies around a call, always in the effective order. One pipeline serves any number of calls
 * side by side; policies may be shared by several pipelines.
 */
export class Pipeline {
  readonly policies: PolicySet;
  /** A breaker alone needs no attempt object: it is the most frequent guard. */
  readonly #only: CircuitBreakerPolicy | undefined;

  /** @throws InvalidOptionError when two policies are of one kind */
  constructor(policies: readonly Policy[]) {
    this.policies = policySet(policies);
    this.#only = policies.length === 1 ? this.policies.circuitBreaker : undefined;
  }

  /**
   * Makes the call. It always returns a promise, and never throws.
   *
   * @param args what a fallback gets to see of the call
   */
  run<T>(fn: Guarded<T>, args: readonly unknown[] = NO_ARGS): Promise<T> {
    if (this.#only !== undefined && fn.length === 0) {
      return this.#only.run(fn as () => T | PromiseLike<T>);
    }
    return new Promise<unknown>((resolve, reject) => {
      const settle = { resolve, reject };
      const { retry, fallback } = this.policies;
      if (retry === undefined && fallback === undefined) {
        new Attempt(this.policies, fn, 1, settle).start();
      } else {
        new Execution(this.policies, fn, args, settle).start();
      }
    }) as Promise<T>;
  }

  /**
   * Makes a call that may be synchronous: then it returns or throws synchronously. Nothing can wait
   * in that case: a full bulkhead refuses, a retry repeats at once, a timeout cannot interrupt.
   *
   * @param divert see {@link Divert}
   */
  runSync(fn: Guarded<unknown>, args: readonly unknown[] = NO_ARGS, divert?: Divert): unknown {
    let state: 'pending' | 'resolved' | 'rejected' = 'pending';
    let outcome: unknown;
    let later: Settle | undefined;
    const settle = {
      resolve: (value: unknown): void => {
        if (later !== undefined) later.resolve(value);
        else [state, outcome] = ['resolved', value];
      },
      reject: (error: unknown): void => {
        if (later !== undefined) later.reject(error);
        else [state, outcome] = ['rejected', error];
      },
    };
    const execution = new Execution(this.policies, fn, args, settle);
    execution.sync = true;
    execution.divert = divert;
    execution.start();
    if ((state as string) === 'resolved') return outcome;
    if ((state as string) === 'rejected') throw outcome;
    execution.sync = false;
    return new Promise((resolve, reject) => (later = { resolve, reject }));
  }

  /** Guards each subscription: it calls `open` and subscribes to what that returns. */
  observable<T>(open: ObservableSource<T>, args: readonly unknown[] = NO_ARGS): Observable<T> {
    return guardObservable(this.policies, open, args);
  }

  /** Guards each iteration: it calls `open` and iterates over what that returns. */
  iterable<T>(open: IterableSource<T>, args: readonly unknown[] = NO_ARGS): AsyncIterable<T> {
    return guardIterable(this.policies, open, args);
  }
}

/**
 * Composes policies into one guard, whatever order they are given in:
 * Fallback(Retry(CircuitBreaker(Timeout(Bulkhead(call))))).
 *
 * @throws InvalidOptionError when two policies are of one kind
 */
export function composePolicies(...policies: readonly Policy[]): Pipeline {
  return new Pipeline(policies);
}

function policySet(policies: readonly Policy[]): PolicySet {
  const byKind = new Map<PolicyKind, Policy>();
  for (const policy of policies) {
    const other = byKind.get(policy.kind);
    if (other !== undefined) {
      throw new InvalidOptionError('composePolicies()', [
        `${policy.kind}: '${other.name}' and '${policy.name}' are of one kind, expected one`,
      ]);
    }
    byKind.set(policy.kind, policy);
  }
  const of = <K extends PolicyKind>(kind: K): Extract<Policy, { kind: K }> | undefined =>
    byKind.get(kind) as Extract<Policy, { kind: K }> | undefined;
  return {
    fallback: of('fallback'),
    retry: of('retry'),
    circuitBreaker: of('circuit-breaker'),
    timeout: of('timeout'),
    bulkhead: of('bulkhead'),
  };
}
