import { EmbeddedPostgres } from '@rookery/persistence/embedded-postgres';
import pg from 'pg';
import { CommandError } from '../cli.errors.js';

/** The PostgreSQL of a run. */
export interface PostgresServer {
  readonly port: number;
  /** How the table of processes calls its state. */
  readonly state: string;
  /** Its process, when it is ours. */
  readonly pid?: number | undefined;
  /** Connection address of a service's own database, which exists afterwards. */
  databaseUrl(service: string): Promise<string>;
  /** Ends it, if it is ours. */
  stop(): Promise<void>;
}

/**
 * A server from npm's packages, with its data in the workspace. One that still runs is adopted.
 *
 * @throws CommandError when it cannot have the port that the user named
 */
export async function embeddedPostgres(
  dataDirectory: string,
  wanted: { readonly port: number; readonly explicit?: number | undefined },
  log: (message: string) => void,
): Promise<PostgresServer> {
  const port = wanted.explicit ?? wanted.port;
  const server = await EmbeddedPostgres.start({ dataDirectory, port, log });
  if (wanted.explicit !== undefined && server.port !== wanted.explicit) {
    if (!server.adopted) await server.stop();
    throw new CommandError(
      server.adopted
        ? `PostgreSQL runs on port ${server.port} already`
        : `port ${wanted.explicit} for postgres is in use`,
      server.adopted
        ? 'run `npx rookery down` first, or leave out --port postgres'
        : 'stop the process that has it, or name another with --port',
    );
  }
  return {
    port: server.port,
    pid: server.pid,
    state: server.adopted ? 'ready (adopted)' : 'ready',
    databaseUrl: (service) => server.ensureDatabase(service),
    stop: () => server.stop(),
  };
}

/**
 * A server that is there already. Each service gets a database of its own, and connects as the role
 * of the given address.
 *
 * @throws CommandError when nothing usable answers there
 */
export async function externalPostgres(address: string): Promise<PostgresServer> {
  const url = parseAddress(address);
  await query(url, 'select 1', []);
  return {
    port: Number(url.port || 5432),
    state: 'external',
    databaseUrl: async (service) => {
      const { rowCount } = await query(url, 'select 1 from pg_database where datname = $1', [
        service,
      ]);
      if (rowCount === 0) await create(url, service);
      const own = new URL(url);
      own.pathname = `/${service}`;
      return own.href;
    },
    stop: () => Promise.resolve(),
  };
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== '') return url;
  throw new CommandError(
    '--pg is not the address of a PostgreSQL server',
    'write it as postgres://user:password@host:5432/postgres',
  );
}

async function create(url: URL, database: string): Promise<void> {
  try {
    await query(url, `create database ${pg.escapeIdentifier(database)}`, []);
  } catch (error) {
    // Another run may have made it in between.
    if ((error as { cause?: { code?: string } }).cause?.code !== '42P04') throw error;
  }
}

async function query(url: URL, sql: string, values: readonly unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.query(sql, [...values]);
  } catch (error) {
    throw refusal(url, error as Error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function refusal(url: URL, error: Error & { errors?: readonly Error[] }): CommandError {
  const reason = error.message || error.errors?.[0]?.message || 'no answer';
  const refused = new CommandError(
    `no use of PostgreSQL at ${url.host}: ${reason}`,
    'start it or mend the address given with --pg (or DATABASE_URL), or leave it out to get an embedded one',
  );
  refused.cause = error;
  return refused;
}
