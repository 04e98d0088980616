import { expect, it } from 'vitest';
import { wrapMethod } from './wrap-method.js';

it('keeps name, arity and metadata of the method it wraps', () => {
  function find(_sku: string, _size: number): string {
    return 'tea';
  }
  Reflect.defineMetadata('path', '/stock', find);
  const descriptor = wrapMethod(
    { value: find },
    (original) =>
      function (...args) {
        return `<${String(original.apply(this, args))}>`;
      },
  );
  const wrapped = descriptor.value as typeof find;
  expect(wrapped('tea', 1)).toBe('<tea>');
  expect(wrapped.name).toBe('find');
  expect(wrapped).toHaveLength(2);
  expect(Reflect.getMetadata('path', wrapped)).toBe('/stock');
});
