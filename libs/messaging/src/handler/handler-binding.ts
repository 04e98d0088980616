import 'reflect-metadata';
import type { CommandContract, EventContract } from '../contract/contract.js';
import { resolveHandlerOptions, type ResolvedHandlerOptions } from './handler.options.js';

const BINDINGS = Symbol.for('rookery.messaging.bindings');

/** That a method handles the messages of a contract. */
export interface HandlerBinding {
  readonly contract: EventContract | CommandContract;
  readonly options: ResolvedHandlerOptions;
  readonly takes: Takes;
}

/** What of a contract a method handles. */
export type Takes = 'messages' | 'tombstones' | 'batches';

const DECORATORS: Record<Takes, string> = {
  messages: '@OnEvent',
  tombstones: '@OnTombstone',
  batches: '@OnEvents',
};

/**
 * Remembers a binding on the method itself, so that decorators which replace the method and copy
 * its metadata may stand above or below.
 */
export function bindHandler(
  contract: EventContract | CommandContract,
  options: unknown,
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
  takes: Takes = 'messages',
): void {
  const decorator = contract.kind === 'command' ? '@OnCommand' : DECORATORS[takes];
  const place = `${decorator}(${contract.name}) on ${target.constructor.name}.${String(method)}`;
  const binding = { contract, options: resolveHandlerOptions(options, place), takes };
  const bindings = handlerBindings(descriptor.value);
  Reflect.defineMetadata(BINDINGS, [...bindings, binding], descriptor.value as object);
}

/** What {@link bindHandler} has remembered of a method. */
export function handlerBindings(method: unknown): readonly HandlerBinding[] {
  if (typeof method !== 'function') return [];
  return (Reflect.getMetadata(BINDINGS, method) as HandlerBinding[] | undefined) ?? [];
}
