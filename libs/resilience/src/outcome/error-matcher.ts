import { isRookeryError } from '@rookery/core';
import { z } from 'zod';

/** A class of errors. Abstract classes match their subclasses. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** Which errors a policy means: classes, or a predicate. */
export type ErrorMatcher = readonly ErrorClass[] | ((error: unknown) => boolean);

/** Schema of an {@link ErrorMatcher} option. It has no textual form: configuration cannot set it. */
export const errorMatcherOption = (): z.ZodType<ErrorMatcher> =>
  z.custom<ErrorMatcher>(
    (value) =>
      typeof value === 'function' ||
      (Array.isArray(value) && value.every((item) => typeof item === 'function')),
    'expected an array of error classes or a predicate',
  );

/** The matcher as a predicate. */
export function matches(matcher: ErrorMatcher): (error: unknown) => boolean {
  if (typeof matcher === 'function') return matcher;
  return (error) => matcher.some((errorClass) => error instanceof errorClass);
}

/**
 * Whether an error says that the thing called is in trouble. An answer below 500 is the thing
 * called doing its job, except for 408, 425 and 429, with which it asks for less.
 */
export function isDependencyFailure(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status >= 500 || OVERLOADED.has(status);
}

/** Whether the same call may succeed when repeated, as far as the error tells. */
export function isTransient(error: unknown): boolean {
  if (isRookeryError(error)) return error.retryable;
  return isDependencyFailure(error) && !isProgrammingError(error);
}

const OVERLOADED: ReadonlySet<number> = new Set([408, 425, 429]);

/** Our errors have a `status`, Nest's `HttpException` has `getStatus()`. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { status, getStatus } = error as { status?: unknown; getStatus?: unknown };
  if (typeof status === 'number') return status;
  return typeof getStatus === 'function' ? Number(getStatus.call(error)) : undefined;
}

/** fetch() reports a dead peer as a TypeError with a cause; without one it is a bug in the code. */
function isProgrammingError(error: unknown): boolean {
  return (
    error instanceof ReferenceError ||
    error instanceof SyntaxError ||
    (error instanceof TypeError && error.cause === undefined)
  );
}
