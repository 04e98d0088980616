import { durationOption, InvalidOptionError } from '@rookery/core';
import { z } from 'zod';

const DEFAULT_POOL_SIZE = 10;

/** Configuration namespace `database`. Durations are milliseconds or texts like `'5s'`. */
export const databaseSchema = z.strictObject({
  /** `postgres://user:password@host:port/database`; TLS by `?sslmode=verify-full`. */
  url: z.string({ error: 'expected postgres://user:password@host:port/database' }),
  /** Connections that this instance may open. */
  poolSize: z.int().min(1).max(1_000).default(DEFAULT_POOL_SIZE),
  /** How long a start waits for a database that does not answer. */
  connectTimeout: durationOption().default(30_000),
  /** How long work waits for a free connection. */
  acquireTimeout: durationOption().default(5_000),
  /** How long one statement may take; 0 for no limit. */
  statementTimeout: durationOption().default(30_000),
  /** How long a statement waits for a lock; 0 for no limit. */
  lockTimeout: durationOption().default(10_000),
  /** How long a transaction may stay open without a statement; 0 for no limit. */
  idleInTransactionTimeout: durationOption().default(60_000),
  /** How long an unused connection is kept. */
  idleTimeout: durationOption().default(30_000),
  /** Whether the start migrates. Default: in the profiles development and test. */
  migrate: z.boolean().optional(),
  /** How long a start waits for another instance that migrates. */
  migrateTimeout: durationOption().default(300_000),
});

/** The values of {@link databaseSchema}. */
export type DatabaseConfig = z.output<typeof databaseSchema>;

/** Whether a service migrates when nothing is said: where nobody else does it. */
export function migratesAtStart({ profile }: { readonly profile: string }): boolean {
  return profile.split(',').some((name) => ['development', 'test'].includes(name));
}

/** Host, port and database of a URL: what may be shown of it. */
export function describeUrl(url: string): string {
  const { hostname, port, pathname } = parseUrl(url);
  return `${hostname}:${port || 5432}${pathname}`;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1) {
    return url;
  }
  // The value stays unsaid: it has the password in it.
  throw new InvalidOptionError('database', [
    'url: is not allowed, expected postgres://user:password@host:port/database',
  ]);
}
