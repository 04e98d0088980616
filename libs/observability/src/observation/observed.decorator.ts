import { wrapMethod } from '@rookery/core';
import { observe, type ObserveOptions } from './observe.js';

/** Options of {@link Observed}. */
export interface ObservedOptions extends Pick<ObserveOptions, 'low' | 'kind'> {
  /** Name of the observation. Default `<class>.<method>` in kebab case: `order-service.place`. */
  readonly name?: string;
}

/** Observes every call of a method, as {@link observe} does. For sync and promise methods. */
export function Observed(options: ObservedOptions = {}): MethodDecorator {
  return (target, key, descriptor) => {
    const { name = `${kebab(target.constructor.name)}.${kebab(String(key))}`, ...rest } = options;
    wrapMethod(
      descriptor,
      (original) =>
        function observed(this: unknown, ...args: unknown[]): unknown {
          return observe(name, rest, () => Reflect.apply(original, this, args));
        },
    );
    return descriptor;
  };
}

function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}
