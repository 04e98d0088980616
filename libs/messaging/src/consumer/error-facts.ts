import { inspect } from 'node:util';
import { isRookeryError } from '@rookery/core';

const TEXT_LENGTH = 1_000;

/** The stable code of an error, if it has one: ours, or that of a driver or the system. */
export function codeOf(error: unknown): string | null {
  if (isRookeryError(error)) return error.code;
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? storable(code) : null;
}

/** Name and message of an error: its stack is for the log. Whatever was thrown, this does not throw. */
export function errorText(error: unknown): string | null {
  if (error === undefined) return null;
  try {
    if (error instanceof Error) return storable(`${error.name}: ${error.message}`);
    return storable(typeof error === 'string' ? error : inspect(error, { depth: 1 }));
  } catch {
    return 'something was thrown that cannot be shown';
  }
}

/** PostgreSQL has no character 0 in texts. */
export function storable(text: string): string {
  return text.slice(0, TEXT_LENGTH).replaceAll('\0', '');
}
