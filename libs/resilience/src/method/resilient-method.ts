import { wrapMethod, type Method } from '@rookery/core';
import { isObservable } from 'rxjs';
import type { Pipeline } from '../pipeline/pipeline.js';
import { ResilienceRegistry } from '../registry/resilience-registry.js';
import { declaredShape, shapeOf, type CallShape } from './call-shape.js';
import { MethodPolicies } from './method-policies.js';

/** Where a service's registry is injected into instances of decorated classes. */
export const REGISTRY = Symbol.for('rookery:resilience-registry');

type Instance = Record<symbol, unknown>;

/** A decorated method. */
export interface ResilientMethod {
  readonly policies: MethodPolicies;
  /** Makes the policies for an instance now rather than at its first call, so that they are checked. */
  bind(instance: object): void;
  /** Turns the wrapper off, after another one further out has taken its policies over. */
  bypass(): void;
}

const METADATA = 'rookery:resilience';

/** The decorated method behind a function, also when decorators of others have wrapped it. */
export function resilientMethodOf(method: object): ResilientMethod | undefined {
  return Reflect.getOwnMetadata(METADATA, method) as ResilientMethod | undefined;
}

/**
 * The policies of a method, to add to. All resilience decorators of a method act as one, at the
 * place of the outermost of them, whatever stands between them.
 */
export function policiesFor(
  target: object,
  key: string | symbol,
  descriptor: PropertyDescriptor,
): MethodPolicies {
  const current = descriptor.value as Method;
  const known = resilientMethodOf(current);
  if (known !== undefined && wrappers.has(current)) return known.policies;
  const owner = typeof target === 'function' ? target : target.constructor;
  const policies = new MethodPolicies(`${owner.name}#${String(key)}`, current.length);
  if (known !== undefined) {
    policies.adopt(known.policies);
    known.bypass();
  }
  wrap(target, key, descriptor, policies);
  return policies;
}

const wrappers = new WeakSet<object>();

function wrap(
  target: object,
  key: string | symbol,
  descriptor: PropertyDescriptor,
  policies: MethodPolicies,
): void {
  // One property per method and instance: found by the engine's inline cache, not by a lookup.
  const slot = Symbol(policies.place);
  const returnType: unknown = Reflect.getMetadata('design:returntype', target, key);
  let bypassed = false;
  let shape: CallShape;
  wrapMethod(descriptor, (original) => {
    shape = declaredShape(original, returnType);
    return function resilient(this: unknown, ...args: unknown[]): unknown {
      if (bypassed) return Reflect.apply(original, this, args);
      const pipeline = ((this as Instance)[slot] ?? bind(this as object)) as Pipeline;
      const call = (): unknown => Reflect.apply(original, this, args);
      if (shape === 'promise') return pipeline.run(call, args);
      return guard(pipeline, call, args, shape, (learnt) => (shape = learnt));
    };
  });
  const bind = (instance: object): Pipeline => {
    const pipeline = policies.bind(instance, registryOf(instance));
    Object.defineProperty(instance, slot, { value: pipeline });
    return pipeline;
  };
  const method: ResilientMethod = {
    policies,
    bind: (instance) => {
      if (!bypassed && !Object.hasOwn(instance, slot)) bind(instance);
    },
    bypass: () => {
      bypassed = true;
    },
  };
  const wrapper = descriptor.value as object;
  wrappers.add(wrapper);
  Reflect.defineMetadata(METADATA, method, wrapper);
}

/** Instances made without Nest get a registry of their own. */
function registryOf(instance: object): ResilienceRegistry {
  const holder = instance as Instance;
  const injected = holder[REGISTRY];
  if (injected !== undefined) return injected as ResilienceRegistry;
  const own = new ResilienceRegistry();
  Object.defineProperty(instance, REGISTRY, { value: own, writable: true });
  return own;
}

function guard(
  pipeline: Pipeline,
  call: () => unknown,
  args: unknown[],
  shape: CallShape,
  learn: (shape: CallShape) => void,
): unknown {
  switch (shape) {
    case 'observable':
      return pipeline.observable(call as never, args);
    case 'iterable':
      return pipeline.iterable(call as never, args);
    case 'unknown': {
      const watched = (): unknown => {
        const result = call();
        learn(shapeOf(result));
        return result;
      };
      return pipeline.runSync(watched, args, (result) =>
        divertStream(pipeline, call, args, result),
      );
    }
    default:
      return pipeline.runSync(call, args);
  }
}

/** A stream is no outcome: it is guarded for as long as it lasts. The first one is not made twice. */
function divertStream(
  pipeline: Pipeline,
  call: () => unknown,
  args: unknown[],
  result: unknown,
): { result: unknown } | undefined {
  const shape = shapeOf(result);
  if (shape !== 'observable' && shape !== 'iterable') return undefined;
  let first: unknown = result;
  const open = (): unknown => {
    const stream = first ?? call();
    first = undefined;
    return stream;
  };
  return {
    result: isObservable(result)
      ? pipeline.observable(open as never, args)
      : pipeline.iterable(open as never, args),
  };
}
