import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { HealthRegistry, Lifecycle, type Clock } from '@rookery/core';
import { LOGGER, Metrics, type Logger } from '@rookery/observability';
import type pg from 'pg';
import { connect } from './database/connect.js';
import { createPool } from './database/connection-pool.js';
import { Database } from './database/database.js';
import type { MigrationSet } from './migrations/migration-set.js';
import { migrate } from './migrations/migrator.js';
import { databaseHealth } from './persistence.health.js';
import { poolMetrics } from './persistence.metrics.js';
import {
  databaseSchema,
  describeUrl,
  migratesAtStart,
  type DatabaseConfig,
} from './persistence.options.js';
import { TransactionHost } from './unit-of-work/transaction-host.js';
import { UnitOfWork } from './unit-of-work/unit-of-work.js';

/** Options of {@link PersistenceModule.forRoot}. */
export interface PersistenceOptions {
  /** What the service's tables are made of; sets run in this order. @default [] */
  readonly migrations?: readonly MigrationSet[];
}

/**
 * Gives a service its database: {@link Database}, {@link UnitOfWork}, {@link TransactionHost}.
 * Needs `ConfigModule` and `ObservabilityModule`; reads `database`. Whoever injects them gets a
 * database that answers and, if this service migrates, is migrated.
 */
@Module({})
export class PersistenceModule implements OnApplicationShutdown {
  constructor(private readonly database: Database) {}

  static forRoot({ migrations = [] }: PersistenceOptions = {}): DynamicModule {
    return {
      module: PersistenceModule,
      global: true,
      providers: [
        {
          provide: Database,
          inject: [ConfigStore, ServiceInfo, CLOCK, LOGGER, Metrics, HealthRegistry, Lifecycle],
          useFactory: async (
            store: ConfigStore,
            service: ServiceInfo,
            clock: Clock,
            logger: Logger,
            metrics: Metrics,
            health: HealthRegistry,
            lifecycle: Lifecycle,
          ) => {
            const config = store.namespace('database', databaseSchema);
            const log = logger.child({ context: 'Database' });
            const database = new Database(openPool(config, service, log));
            lifecycle.onStop('pools', 'database', () => end(database.pool));
            try {
              await prepare(database.pool, config, service, migrations, { clock, log });
            } catch (error) {
              await end(database.pool);
              throw error;
            }
            poolMetrics(metrics, database.pool);
            health.register(databaseHealth(database.pool, migrations));
            return database;
          },
        },
        {
          provide: UnitOfWork,
          inject: [Database, LOGGER],
          useFactory: (database: Database, logger: Logger) =>
            new UnitOfWork(database, (err) =>
              logger.error({ context: 'UnitOfWork', err }, 'an afterCommit hook failed'),
            ),
        },
        { provide: TransactionHost, useExisting: UnitOfWork },
      ],
      exports: [Database, UnitOfWork, TransactionHost],
    };
  }

  /** For apps that are closed without their lifecycle; the lifecycle closes pools last as well. */
  async onApplicationShutdown(): Promise<void> {
    await end(this.database.pool);
  }
}

function openPool(config: DatabaseConfig, service: ServiceInfo, log: Logger): pg.Pool {
  describeUrl(config.url);
  return createPool({
    url: config.url,
    poolSize: config.poolSize,
    acquireTimeoutMs: config.acquireTimeout,
    statementTimeoutMs: config.statementTimeout,
    lockTimeoutMs: config.lockTimeout,
    idleInTransactionTimeoutMs: config.idleInTransactionTimeout,
    idleTimeoutMs: config.idleTimeout,
    applicationName: service.instance,
    onError: (err) => log.warn({ err }, `an idle database connection broke: ${err.message}`),
  });
}

async function prepare(
  pool: pg.Pool,
  config: DatabaseConfig,
  service: ServiceInfo,
  migrations: readonly MigrationSet[],
  { clock, log }: { clock: Clock; log: Logger },
): Promise<void> {
  await connect(pool, {
    target: describeUrl(config.url),
    timeoutMs: config.connectTimeout,
    clock,
    onRetry: (message) => log.warn(message),
  });
  if (!(config.migrate ?? migratesAtStart(service)) || migrations.length === 0) return;
  // A pool of its own: a migration may take longer than any statement of the service, and waits
  // for that of another instance.
  const migrating = createPool({
    url: config.url,
    poolSize: 2,
    acquireTimeoutMs: config.acquireTimeout,
    statementTimeoutMs: 0,
    lockTimeoutMs: config.migrateTimeout,
    idleInTransactionTimeoutMs: 0,
    idleTimeoutMs: 1_000,
    applicationName: `${service.instance}-migrate`,
    onError: () => undefined,
  });
  try {
    const done = await migrate(migrating, migrations);
    for (const { set, name } of done) log.info(`migrated ${set}/${name}`);
  } finally {
    await migrating.end();
  }
}

const ending = new WeakMap<pg.Pool, Promise<void>>();

/** Ends a pool once; the driver refuses to end one twice. */
function end(pool: pg.Pool): Promise<void> {
  const ended = ending.get(pool) ?? pool.end();
  ending.set(pool, ended);
  return ended;
}
