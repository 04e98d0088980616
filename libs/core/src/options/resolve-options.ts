import { z } from 'zod';
import { toMilliseconds } from '../duration/duration.js';
import { InvalidOptionError } from '../errors/invalid-option.error.js';

/** Schema of a duration option; parses to milliseconds. */
export const durationOption = (): z.ZodType<number, number | string> =>
  z.union([z.number(), z.string()]).transform((value, context) => {
    try {
      return toMilliseconds(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message, input: value });
      return z.NEVER;
    }
  });

/**
 * Validates options against a schema (use `z.strictObject`, so that unknown keys are refused),
 * applies its defaults and freezes the result.
 *
 * @param place where the options were written, as the message shall name it
 * @throws InvalidOptionError naming each wrong option, its value and what is allowed
 */
export function resolveOptions<S extends z.ZodType>(
  schema: S,
  options: unknown,
  place: string,
): Readonly<z.output<S>> {
  const result = schema.safeParse(options ?? {});
  if (result.success) return deepFreeze(result.data);
  throw new InvalidOptionError(
    place,
    result.error.issues.flatMap((issue) => explain(issue, options)),
  );
}

function explain(issue: z.core.$ZodIssue, options: unknown): string[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const at = path === '' ? '' : `${path}.`;
    return issue.keys.map((key) => `${at}${key}: unknown option`);
  }
  const value = issue.path.reduce<unknown>(
    (node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key],
    options,
  );
  const secret = issue.path.some((key) => SECRET.test(String(key)));
  const shown =
    value === undefined ? 'is missing' : `${secret ? '******' : show(value)} is not allowed`;
  return [`${path === '' ? 'options' : path}: ${shown}, ${issue.message}`];
}

const SECRET = /secret|password|token|credential/i;

function show(value: unknown): string {
  const text = JSON.stringify(value, (key, inner: unknown) =>
    SECRET.test(key) ? '******' : typeof inner === 'function' ? '[function]' : inner,
  );
  return text === undefined ? String(value) : text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function deepFreeze<T>(value: T): T {
  const plain =
    Array.isArray(value) ||
    (typeof value === 'object' &&
      value !== null &&
      Object.getPrototypeOf(value) === Object.prototype);
  if (plain && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value as object)) deepFreeze(inner);
  }
  return value;
}
