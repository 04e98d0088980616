import {
  DatabaseUnavailableError,
  DeadlockError,
  LockTimeoutError,
  PoolExhaustedError,
  SerializationFailureError,
  StatementTimeoutError,
} from '../persistence.errors.js';

/**
 * Gives transient failures their class, so that retries can tell them; everything else, unique
 * violations above all, stays the driver's error with its SQLSTATE in `code`.
 * SQLSTATEs: PostgreSQL manual, appendix A.
 */
export function translateError(error: unknown, poolSize = 0): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown };
  switch (code) {
    case '40P01':
      return new DeadlockError(error);
    case '40001':
      return new SerializationFailureError(error);
    case '55P03':
      return new LockTimeoutError(error);
    case '57014':
      return new StatementTimeoutError(error);
  }
  // pg-pool has no code for this one.
  if (message === 'timeout exceeded when trying to connect') {
    return new PoolExhaustedError(poolSize, error);
  }
  return isConnectionFailure(error) ? new DatabaseUnavailableError(error) : error;
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  '53300', // too many connections
  '57P01', // admin shutdown
  '57P02', // crash shutdown
  '57P03', // cannot connect now
  '57P05', // idle session timeout
  '25P03', // idle in transaction timeout
]);

const CONNECTION_MESSAGE =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/;

/** Whether the server or the way to it failed, rather than the statement. */
export function isConnectionFailure(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && (CONNECTION_CODES.has(code) || /^08...$/.test(code))) return true;
  return typeof message === 'string' && CONNECTION_MESSAGE.test(message);
}
