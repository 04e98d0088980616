import { InvalidOptionError, toMilliseconds } from '@rookery/core';

/** When a message shall be sent; at most one of both. */
export interface DelayOptions {
  /** How long to wait, in milliseconds or as `'5m'`; at most `messaging.delayed.max`. */
  readonly delay?: number | string;
  /** When to send it: a date, or milliseconds since the epoch. What is past is sent at once. */
  readonly deliverAt?: Date | number;
}

/** {@link DelayOptions} in milliseconds: from now on, or since the epoch. */
export type DueTime = { readonly inMs: number } | { readonly atMs: number };

/**
 * The time to send a message; `undefined` when it is to be sent at once.
 *
 * @throws InvalidOptionError when it is no time, or too far away
 */
export function dueTimeOf(
  { delay, deliverAt }: DelayOptions,
  limit: { readonly now: number; readonly maxMs: number; readonly place: string },
): DueTime | undefined {
  if (delay === undefined && deliverAt === undefined) return undefined;
  const refuse = (problem: string): never => {
    throw new InvalidOptionError(limit.place, [problem]);
  };
  if (delay !== undefined && deliverAt !== undefined) {
    return refuse('delay, deliverAt: give one of them, not both');
  }
  const farthest = `at most ${limit.maxMs / 86_400_000} days ahead are allowed`;
  if (delay !== undefined) {
    let inMs: number;
    try {
      inMs = toMilliseconds(delay);
    } catch (error) {
      return refuse(`delay: ${(error as Error).message}`);
    }
    return inMs > limit.maxMs ? refuse(`delay: ${delay} is too long, ${farthest}`) : { inMs };
  }
  const atMs = Number(deliverAt);
  if (!Number.isFinite(atMs)) return refuse(`deliverAt: ${String(deliverAt)} is no time`);
  if (atMs - limit.now > limit.maxMs) {
    return refuse(`deliverAt: ${new Date(atMs).toISOString()} is too late, ${farthest}`);
  }
  return { atMs };
}
