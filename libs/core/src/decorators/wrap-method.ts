/** A method as decorators see it. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Replaces a decorated method by a wrapper that keeps its name, arity and metadata, so that
 * decorators of Nest and of ours work in any order on the same method.
 */
export function wrapMethod(
  descriptor: PropertyDescriptor,
  wrap: (original: Method) => Method,
): PropertyDescriptor {
  const original = descriptor.value as Method;
  const wrapper = wrap(original);
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
  const reflect = Reflect as unknown as {
    getOwnMetadataKeys?(target: object): unknown[];
    getOwnMetadata(key: unknown, target: object): unknown;
    defineMetadata(key: unknown, value: unknown, target: object): void;
  };
  for (const key of reflect.getOwnMetadataKeys?.(original) ?? []) {
    reflect.defineMetadata(key, reflect.getOwnMetadata(key, original), wrapper);
  }
  descriptor.value = wrapper;
  return descriptor;
}
