import { Module, type DynamicModule } from '@nestjs/common';
import { ServiceInfo } from '@rookery/config';
import { HealthRegistry } from '@rookery/core';
import { LOGGER, Metrics, type Logger } from '@rookery/observability';
import { DataSource } from 'typeorm';
import type { MigrationSet } from '../migrations/migration-set.js';
import { migrate } from '../migrations/migrator.js';
import { databaseHealth } from '../persistence.health.js';
import { poolMetrics } from '../persistence.metrics.js';
import { migratesAtStart } from '../persistence.options.js';
import { TransactionHost } from '../unit-of-work/transaction-host.js';
import { UnitOfWork } from '../unit-of-work/unit-of-work.js';
import { TypeOrmTransactions } from './typeorm-transactions.js';

/** Options of {@link TypeOrmPersistenceModule.forRoot}. */
export interface TypeOrmPersistenceOptions {
  /** Tables of the libraries, such as `messagingMigrations`; the service's own are TypeORM's. */
  readonly migrations?: readonly MigrationSet[];
  /** Whether the start runs them. @default in profile development and test */
  readonly migrate?: boolean;
}

/**
 * Stands in for `PersistenceModule` in a service that keeps its data with TypeORM: provides
 * {@link TransactionHost}, {@link UnitOfWork} and {@link TypeOrmTransactions} over the injected
 * `DataSource`, which `TypeOrmModule.forRoot` of `@nestjs/typeorm` provides globally. The pool stays
 * TypeORM's. Needs `ConfigModule` and `ObservabilityModule`.
 */
@Module({})
export class TypeOrmPersistenceModule {
  static forRoot({
    migrations = [],
    migrate: wanted,
  }: TypeOrmPersistenceOptions = {}): DynamicModule {
    return {
      module: TypeOrmPersistenceModule,
      global: true,
      providers: [
        {
          provide: TypeOrmTransactions,
          inject: [DataSource, ServiceInfo, LOGGER, Metrics, HealthRegistry],
          useFactory: async (
            dataSource: DataSource,
            service: ServiceInfo,
            logger: Logger,
            metrics: Metrics,
            health: HealthRegistry,
          ) => {
            const transactions = new TypeOrmTransactions(dataSource);
            const { pool } = transactions;
            if (wanted ?? migratesAtStart(service)) {
              for (const { set, name } of await migrate(pool, migrations)) {
                logger.info({ context: 'Database' }, `migrated ${set}/${name}`);
              }
            }
            poolMetrics(metrics, pool);
            health.register(databaseHealth(pool, migrations));
            return transactions;
          },
        },
        {
          provide: UnitOfWork,
          inject: [TypeOrmTransactions, LOGGER],
          useFactory: (transactions: TypeOrmTransactions, logger: Logger) =>
            new UnitOfWork(transactions, (err) =>
              logger.error({ context: 'UnitOfWork', err }, 'an afterCommit hook failed'),
            ),
        },
        { provide: TransactionHost, useExisting: UnitOfWork },
      ],
      exports: [TypeOrmTransactions, UnitOfWork, TransactionHost],
    };
  }
}
