import { Inject, Optional } from '@nestjs/common';
import { ResilienceRegistry } from '../registry/resilience-registry.js';
import type { PolicyRequest } from './policy-request.js';
import { policiesFor, REGISTRY, resilientMethodOf } from './resilient-method.js';

/** A decorator of a method, or of a class for all methods it declares. */
export interface PolicyDecorator {
  (target: object, key: string | symbol, descriptor: PropertyDescriptor): void;
  // oxlint-disable-next-line typescript/no-unsafe-function-type -- what TypeScript calls a class here
  (target: Function): void;
}

/** Hooks that Nest calls by name; guarding them would count them as calls. */
const NEST_HOOKS: ReadonlySet<string> = new Set([
  'constructor',
  'onModuleInit',
  'onModuleDestroy',
  'onApplicationBootstrap',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
]);

/** The decorator that asks for a policy. */
export function policyDecorator(request: PolicyRequest): PolicyDecorator {
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (descriptor === undefined) {
      decorateClass(target as { name: string; prototype: object }, request);
      return;
    }
    policiesFor(target, key!, descriptor).add(request);
    injectRegistry(target);
  };
}

/** A policy on the class applies to all its methods but those that have their own of that kind. */
function decorateClass(target: { name: string; prototype: object }, request: PolicyRequest): void {
  const { prototype } = target;
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const methods = descriptors.filter(
    ([name, { value }]) => typeof value === 'function' && !NEST_HOOKS.has(name),
  );
  const fallbacks = new Set(
    methods.flatMap(
      ([, { value }]) => resilientMethodOf(value as object)?.policies.fallbackMethods ?? [],
    ),
  );
  if (request.kind === 'fallback') fallbacks.add(String(request.handler));
  const shared =
    request.kind === 'fallback' ? request : { ...request, name: request.name ?? target.name };
  for (const [name, descriptor] of methods) {
    if (fallbacks.has(name)) continue;
    const known = resilientMethodOf(descriptor.value as object);
    if (known?.policies.has(request.kind) === true) continue;
    policiesFor(prototype, name, descriptor).add(shared);
    Object.defineProperty(prototype, name, descriptor);
  }
  injectRegistry(prototype);
}

/** By property, so that a decorated class need not mention it in its constructor. */
function injectRegistry(target: object): void {
  Inject(ResilienceRegistry)(target, REGISTRY);
  Optional()(target, REGISTRY);
}
