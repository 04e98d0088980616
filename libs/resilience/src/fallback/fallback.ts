import { InvalidOptionError } from '@rookery/core';
import type { EngineContext } from '../engine-context.js';
import type { ErrorClass } from '../outcome/error-matcher.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { FallbackHandler, FallbackPolicy, Guarded } from '../pipeline/policy.js';
import { fallbackChannel } from '../resilience.channels.js';

/** One answer and the errors it is for. */
export interface FallbackRule {
  /** Classes it is meant for; subclasses are included. @default every error */
  readonly on?: readonly ErrorClass[];
  readonly handler: FallbackHandler;
}

/** What fallbacks have counted since they were created. */
export interface FallbackMetrics {
  readonly answered: number;
}

/**
 * Answers instead of a failed call. Among several rules that of the nearest class of the error
 * answers; an error that no rule is meant for passes through.
 */
export class Fallback implements FallbackPolicy {
  readonly kind = 'fallback';
  readonly name: string;
  readonly app: string;
  readonly #pipeline: Pipeline;
  /** By the prototype of the class; `null`, where every chain ends, stands for every error. */
  readonly #rules = new Map<object | null, FallbackHandler>();
  #answered = 0;

  /** @throws InvalidOptionError when two rules are for the same class */
  constructor(rules: readonly FallbackRule[], context: EngineContext = {}) {
    this.name = context.name ?? 'fallback';
    this.app = context.app ?? '';
    for (const { on, handler } of rules) {
      for (const errorClass of on ?? [undefined]) this.#add(errorClass, handler);
    }
    this.#pipeline = new Pipeline([this]);
  }

  get metrics(): FallbackMetrics {
    return { answered: this.#answered };
  }

  /** Makes the call, or answers in its place. */
  run<T>(fn: Guarded<T>): Promise<T> {
    return this.#pipeline.run(fn);
  }

  handlerFor(error: unknown): FallbackHandler | undefined {
    let prototype: object | null =
      typeof error === 'object' && error !== null ? Object.getPrototypeOf(error) : null;
    while (prototype !== null) {
      const handler = this.#rules.get(prototype);
      if (handler !== undefined) return handler;
      prototype = Object.getPrototypeOf(prototype) as object | null;
    }
    return this.#rules.get(null);
  }

  fellBack(error: unknown): void {
    this.#answered++;
    if (fallbackChannel.hasSubscribers) {
      fallbackChannel.publish({ app: this.app, name: this.name, error });
    }
  }

  #add(errorClass: ErrorClass | undefined, handler: FallbackHandler): void {
    const key = errorClass === undefined ? null : (errorClass.prototype as object);
    if (this.#rules.has(key)) {
      throw new InvalidOptionError(`fallback '${this.name}'`, [
        `on: two fallbacks are for ${errorClass?.name ?? 'every error'}, expected one`,
      ]);
    }
    this.#rules.set(key, handler);
  }
}

/** Fallbacks usable without Nest: `fallback(() => cached, { on: [TimeoutError] }).run(fn)`. */
export function fallback(
  handler: FallbackHandler | readonly FallbackRule[],
  options: { readonly on?: readonly ErrorClass[] } = {},
  context: EngineContext = {},
): Fallback {
  const rules = typeof handler === 'function' ? [{ ...options, handler }] : handler;
  return new Fallback(rules, context);
}
