import { isObservable, Observable } from 'rxjs';

/** How a method hands out its result. `unknown` until the first call shows it. */
export type CallShape = 'promise' | 'observable' | 'iterable' | 'sync' | 'unknown';

const BY_CONSTRUCTOR: Readonly<Record<string, CallShape>> = {
  AsyncFunction: 'promise',
  AsyncGeneratorFunction: 'iterable',
};

/** What a method's declaration tells: its syntax, else its emitted return type. */
export function declaredShape(method: object, returnType: unknown): CallShape {
  const bySyntax = BY_CONSTRUCTOR[method.constructor.name];
  if (bySyntax !== undefined) return bySyntax;
  if (returnType === Promise) return 'promise';
  if (returnType === Observable) return 'observable';
  return 'unknown';
}

/** What a result tells. */
export function shapeOf(result: unknown): CallShape {
  if (typeof result !== 'object' || result === null) return 'sync';
  if (typeof (result as { then?: unknown }).then === 'function') return 'promise';
  if (isObservable(result)) return 'observable';
  return Symbol.asyncIterator in result ? 'iterable' : 'sync';
}
