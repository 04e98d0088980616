import { Writable } from 'node:stream';
import { Module, type INestApplication, type Type } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ConfigModule, ConfigStore } from '@rookery/config';
import { Lifecycle } from '@rookery/core';
import { KafkaModule } from '@rookery/kafka';
import { createLogger, ObservabilityModule } from '@rookery/observability';
import { PersistenceModule } from '@rookery/persistence';
import { MessagingModule } from '../messaging.module.js';
import { messagingMigrations } from '../messaging.migrations.js';
import {
  RookeryTransport,
  RookeryTransportModule,
  type NestTransportOptions,
} from '../nest-transport/index.js';

/** Where apps find their servers, and where their log goes. */
export interface TransportSurroundings {
  readonly url: string;
  readonly brokers: readonly string[];
  readonly lines: string[];
}

/** Hybrid Nest apps whose `@EventPattern` handlers run on our transport, on real servers. */
export class TransportApps {
  readonly #open: INestApplication[] = [];

  constructor(
    private readonly service: string,
    private readonly surroundings: TransportSurroundings,
  ) {}

  async create(
    controllers: Type[],
    options?: NestTransportOptions,
    providers: Type[] = [],
    how: 'strategy' | 'module' = 'strategy',
  ): Promise<INestApplication> {
    const { url, brokers, lines } = this.surroundings;
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => (lines.push(chunk.toString()), done()),
    });
    const store = ConfigStore.of(
      this.service,
      {
        kafka: { brokers, heartbeat: 200 },
        messaging: { retry: { attempts: 2, backoff: { initial: 1 } }, topics: { partitions: 2 } },
        database: { migrate: true, poolSize: 8 },
      },
      { DATABASE_URL: url },
    );
    @Module({ controllers, providers })
    class Feature {}
    const built = await Test.createTestingModule({
      imports: [
        ConfigModule.forStore(store),
        ObservabilityModule.forRoot({
          logger: createLogger({ app: 'transport', instance: 'transport-1', destination }),
        }),
        PersistenceModule.forRoot({ migrations: [messagingMigrations] }),
        KafkaModule.forRoot(),
        MessagingModule.forRoot(),
        Feature,
        ...(how === 'module' ? [RookeryTransportModule.forRoot(options)] : []),
      ],
    }).compile();
    const app = built.createNestApplication(new FastifyAdapter());
    this.#open.push(app);
    if (how === 'strategy') {
      app.connectMicroservice({ strategy: new RookeryTransport(app, options) });
    }
    return app;
  }

  async start(
    controllers: Type[],
    options?: NestTransportOptions,
    providers: Type[] = [],
    how?: 'strategy' | 'module',
  ): Promise<INestApplication> {
    const app = await this.create(controllers, options, providers, how);
    await app.init();
    await this.run(app);
    return app;
  }

  /** Starts what was created. */
  async run(app: INestApplication): Promise<void> {
    await app.startAllMicroservices();
    await app.get(Lifecycle).start();
  }

  /** Stops all that were created. */
  async stop(): Promise<void> {
    for (const app of this.#open.splice(0)) {
      await app.get(Lifecycle).stop();
      await app.close();
    }
  }
}
