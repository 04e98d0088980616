import pg from 'pg';

/** What a pool is made of. Times are in milliseconds, 0 means no limit. */
export interface PoolSettings {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  readonly poolSize: number;
  readonly acquireTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  /** How long an unused connection is kept. */
  readonly idleTimeoutMs: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Hears of connections that broke while nobody used them. */
  readonly onError: (error: Error) => void;
}

/** A pool whose broken connections are reported instead of ending the process. */
export function createPool(settings: PoolSettings): pg.Pool {
  const pool = new pg.Pool({
    connectionString: settings.url,
    max: settings.poolSize,
    connectionTimeoutMillis: settings.acquireTimeoutMs,
    idleTimeoutMillis: settings.idleTimeoutMs,
    statement_timeout: settings.statementTimeoutMs || false,
    lock_timeout: settings.lockTimeoutMs || undefined,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs || undefined,
    application_name: settings.applicationName,
    keepAlive: true,
    types: typeParsers(),
  });
  pool.on('error', settings.onError);
  // The pool listens to idle connections only; one that breaks between two statements of a
  // transaction would raise an 'error' without listener, which ends the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

const INT8 = 20;
const INT8_ARRAY = 1016;
const DATE = 1082;

/**
 * How values arrive: int8 as a number, as a bigint where a number would lose digits; numeric as a
 * string; timestamptz as a Date; date as `YYYY-MM-DD`, because a Date would move it by time zone.
 * Made per pool: the driver's own table is shared by the whole process.
 */
function typeParsers(): pg.CustomTypesConfig {
  const parsers = new pg.TypeOverrides();
  parsers.setTypeParser(INT8, parseInt8);
  parsers.setTypeParser(INT8_ARRAY, (text: string) =>
    parseArray(text).map((item) => (item === null ? null : parseInt8(item))),
  );
  parsers.setTypeParser(DATE, (text: string) => text);
  return parsers;
}

function parseArray(text: string): (string | null)[] {
  const parse = pg.types.getTypeParser(INT8_ARRAY as number);
  return parse(text) as (string | null)[];
}

function parseInt8(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
