import { AbortedError, type Clock } from '@rookery/core';
import type pg from 'pg';
import { DatabaseUnreachableError } from '../persistence.errors.js';
import { staying } from '../staying.js';
import { isConnectionFailure } from './postgres-error.js';

/** How a start waits for its database. */
export interface ConnectOptions {
  /** Host, port and database, as messages shall name them. */
  readonly target: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Told of each attempt that failed and will be repeated. */
  readonly onRetry: (message: string) => void;
  readonly signal?: AbortSignal;
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;

/**
 * Waits until the database answers. What waiting cannot mend, a wrong password or a database that
 * does not exist, fails at once.
 *
 * @throws DatabaseUnreachableError in one line: what is wrong and how to mend it
 */
export function connect(pool: pg.Pool, options: ConnectOptions): Promise<void> {
  return staying(() => attempt(pool, options));
}

async function attempt(pool: pg.Pool, options: ConnectOptions): Promise<void> {
  const { target, timeoutMs, clock, signal } = options;
  const end = clock.monotonic() + timeoutMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    const failure = await probe(pool);
    if (failure === undefined) return;
    if (!isTransient(failure)) throw refused(target, failure);
    if (clock.monotonic() + delayMs > end) {
      throw new DatabaseUnreachableError(
        `database ${target} did not answer within ${timeoutMs} ms (${reasonOf(failure)}): ` +
          'start PostgreSQL there, or correct database.url',
        { cause: failure },
      );
    }
    options.onRetry(
      `database ${target} does not answer (${reasonOf(failure)}), next attempt in ${delayMs} ms: ` +
        'start PostgreSQL there, or correct database.url',
    );
    await clock.sleep(delayMs, signal);
    if (signal?.aborted) throw new AbortedError('connecting to the database', signal.reason);
  }
}

async function probe(pool: pg.Pool): Promise<unknown> {
  try {
    await pool.query('select 1');
    return undefined;
  } catch (error) {
    return error;
  }
}

function isTransient(error: unknown): boolean {
  const { message } = error as { message?: unknown };
  return isConnectionFailure(error) || message === 'timeout exceeded when trying to connect';
}

function refused(target: string, error: unknown): DatabaseUnreachableError {
  const { code } = error as { code?: unknown };
  const mend =
    code === '3D000'
      ? 'create the database'
      : typeof code === 'string' && code.startsWith('28')
        ? 'correct user and password in database.url'
        : 'correct database.url';
  return new DatabaseUnreachableError(
    `database ${target} refuses us (${reasonOf(error)}): ${mend}`,
    { cause: error },
  );
}

/** Node reports a host with several addresses as one error around others, with no message. */
function reasonOf(error: unknown): string {
  const { message, errors, code } = error as {
    message?: string;
    errors?: readonly Error[];
    code?: string;
  };
  return message || errors?.[0]?.message || code || String(error);
}
