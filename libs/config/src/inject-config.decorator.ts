import { Inject } from '@nestjs/common';
import type { z } from 'zod';

/** A namespace that some class injects. */
export interface InjectedConfig {
  readonly token: symbol;
  readonly path: string;
  readonly schema: z.ZodType;
}

const byPath = new Map<string, Map<z.ZodType, InjectedConfig>>();
const byClass = new WeakMap<object, InjectedConfig[]>();

/**
 * Injects the live, validated namespace at `path` as a {@link ConfigRef}, into a constructor
 * parameter or a property. A wrong value stops the start of the service.
 *
 * @example
 * constructor(@InjectConfig('orders', ordersOptions) private readonly config: ConfigRef<OrdersOptions>) {}
 */
export function InjectConfig(
  path: string,
  schema: z.ZodType,
): ParameterDecorator & PropertyDecorator {
  const injected = injectedConfig(path, schema);
  const inject = Inject(injected.token);
  return (target: object, property: string | symbol | undefined, index?: number): void => {
    const owner = typeof target === 'function' ? target : target.constructor;
    byClass.set(owner, [...(byClass.get(owner) ?? []), injected]);
    (inject as (target: object, property: string | symbol | undefined, index?: number) => void)(
      target,
      property,
      index,
    );
  };
}

/** Every namespace that a decorator names so far: what the module has to offer. */
export function injectedConfigs(): InjectedConfig[] {
  return [...byPath.values()].flatMap((ofPath) => [...ofPath.values()]);
}

/** The namespaces that a class, or one it extends, injects. */
export function injectedConfigsOf(type: object): InjectedConfig[] {
  const found: InjectedConfig[] = [];
  for (let each: unknown = type; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    found.push(...(byClass.get(each) ?? []));
  }
  return found;
}

function injectedConfig(path: string, schema: z.ZodType): InjectedConfig {
  const ofPath = byPath.get(path) ?? new Map<z.ZodType, InjectedConfig>();
  byPath.set(path, ofPath);
  const existing = ofPath.get(schema);
  if (existing !== undefined) return existing;
  const created = { token: Symbol(`config:${path}`), path, schema };
  ofPath.set(schema, created);
  return created;
}
