import { backoffDelay, isRookeryError, type Random } from '@rookery/core';
import {
  CommitUnknownError,
  DatabaseUnavailableError,
  PoolExhaustedError,
} from '@rookery/persistence';
import type { ResolvedRetryPolicy } from '../handler/handler.options.js';
import {
  ContractViolationError,
  StaleMessageError,
  UnexpectedReplyError,
  UnprocessableMessageError,
  UnreadableRecordError,
} from '../messaging.errors.js';

/**
 * What an error means for the message: `outage` says nothing about it, it waits as long as the
 * database is away; `permanent` cannot get better; `transient` may.
 */
export type FailureKind = 'outage' | 'permanent' | 'transient';

/** Statuses of HTTP that mean "later", though they begin with a 4. */
const LATER = new Set([408, 409, 423, 425, 429]);

/** Sorts an error that a handler, or the transaction around it, has thrown. */
export function failureKind(error: unknown): FailureKind {
  if (
    error instanceof DatabaseUnavailableError ||
    error instanceof PoolExhaustedError ||
    error instanceof CommitUnknownError
  ) {
    return 'outage';
  }
  if (
    error instanceof ContractViolationError ||
    error instanceof UnreadableRecordError ||
    error instanceof UnprocessableMessageError ||
    error instanceof StaleMessageError ||
    error instanceof UnexpectedReplyError
  ) {
    return 'permanent';
  }
  if (isRookeryError(error)) {
    return !error.retryable && refuses(error.status) ? 'permanent' : 'transient';
  }
  try {
    // What Nest's pipes and guards throw.
    const { getStatus, name } = (error ?? {}) as { getStatus?: () => unknown; name?: unknown };
    if (typeof getStatus === 'function') {
      return refuses(Number(getStatus.call(error))) ? 'permanent' : 'transient';
    }
    return name === 'ZodError' || name === '$ZodError' ? 'permanent' : 'transient';
  } catch {
    return 'transient';
  }
}

/** How long to wait before the try after `attempt`: half of the full pause, and half by chance. */
export function retryDelay(
  { backoff }: ResolvedRetryPolicy,
  attempt: number,
  random: Random,
): number {
  const { initial, max, factor } = backoff;
  return backoffDelay(attempt, { initialMs: initial, maxMs: max, multiplier: factor }, random);
}

function refuses(status: number): boolean {
  return status >= 400 && status < 500 && !LATER.has(status);
}
