import 'reflect-metadata';
import { handlerBindings } from '../../handler/handler-binding.js';
import type { CommandContract, MessageContract } from '../contract.js';

/** That a class takes messages of a contract. */
export interface HandledMessage {
  readonly contract: MessageContract;
  /** The name handled messages are remembered under. */
  readonly consumer: string;
  /** Fields it reads; all when it does not say. */
  readonly uses?: readonly string[] | undefined;
}

/** Which messages a class takes and sends, as far as it declares them. */
export interface Traffic {
  readonly handles: readonly HandledMessage[];
  readonly sends: readonly CommandContract[];
}

const TRAFFIC = Symbol.for('rookery.messaging.traffic');

/**
 * Declares messages that a class takes or sends other than by `@OnEvent` and `@OnCommand`, for
 * documents and for the check of contracts; it subscribes to nothing.
 *
 * @param traffic is asked when somebody wants to know
 */
export function declareTraffic(target: object, traffic: () => Traffic): void {
  const prototype = (target as { prototype?: object }).prototype ?? target;
  const before = (Reflect.getMetadata(TRAFFIC, prototype) as (() => Traffic)[] | undefined) ?? [];
  Reflect.defineMetadata(TRAFFIC, [...before, traffic], prototype);
}

/** Says that a class sends commands, by `MessagePublisher.send`, so that documents tell of it. */
export function Sends(...commands: readonly CommandContract[]): ClassDecorator {
  return (target) => declareTraffic(target, () => ({ handles: [], sends: commands }));
}

/** What a class, given as its prototype, takes and sends. */
export function trafficOf(prototype: object): Traffic {
  const declared = (Reflect.getMetadata(TRAFFIC, prototype) as (() => Traffic)[] | undefined) ?? [];
  const all = declared.map((tell) => tell());
  return {
    handles: [...handlersOf(prototype), ...all.flatMap(({ handles }) => handles)],
    sends: [...new Set(all.flatMap(({ sends }) => sends))],
  };
}

function handlersOf(prototype: object): HandledMessage[] {
  const owner = (prototype.constructor as { name: string }).name;
  return methodNames(prototype).flatMap((name) => {
    const bindings = handlerBindings((prototype as Record<string, unknown>)[name]);
    return bindings.map(({ contract, options, takes }) => {
      const ends = takes === 'tombstones';
      const suffix = bindings.length > 1 ? `:${contract.name}${ends ? ':tombstone' : ''}` : '';
      const consumer = `${options.consumer ?? `${owner}.${name}`}${suffix}`;
      // Who is told of the end of a key reads no data.
      return { contract, consumer, uses: ends ? [] : options.uses };
    });
  });
}

function methodNames(prototype: object): string[] {
  const names = new Set<string>();
  for (
    let at: object | null = prototype;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== 'constructor' && typeof descriptor.value === 'function') names.add(name);
    }
  }
  return [...names];
}
