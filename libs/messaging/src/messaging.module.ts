import { Inject, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, ExternalContextCreator } from '@nestjs/core';
import { AsyncApiController } from './asyncapi/asyncapi.controller.js';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { HealthRegistry, Lifecycle, systemRandom, type Clock } from '@rookery/core';
import { KAFKA_DRIVER, type KafkaDriver } from '@rookery/kafka';
import { LOGGER, Metrics, Tracing, type Logger } from '@rookery/observability';
import { Database, TransactionHost } from '@rookery/persistence';
import { MessagingRuntime } from './consumer/messaging-runtime.js';
import { NestHandlers } from './handler/nest-handler.providers.js';
import { NestPipeline } from './handler/nest-pipeline.providers.js';
import { MessagingEngine } from './messaging-engine.js';
import { consumersHealth, messagingHealth } from './health/messaging.health.js';
import { MessagingMetrics } from './messaging.metrics.js';
import { messagingOptions } from './messaging.options.js';
import { MessageOperations } from './operations/message-operations.js';
import { MessagesController } from './operations/messages.controller.js';
import { MessagePublisher } from './publish/message-publisher.js';

/**
 * Gives a service its messages: {@link MessagePublisher} and {@link MessagingRuntime}, and runs its
 * handlers. Needs `ConfigModule`, `ObservabilityModule`, `PersistenceModule` with
 * `messagingMigrations`, and `KafkaModule`; reads `messaging`. Global.
 */
@Module({})
export class MessagingModule implements OnModuleInit {
  constructor(
    @Inject(MessagingEngine) private readonly engine: MessagingEngine,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ExternalContextCreator) private readonly contexts: ExternalContextCreator,
  ) {}

  static forRoot(): DynamicModule {
    return {
      module: MessagingModule,
      global: true,
      imports: [DiscoveryModule],
      controllers: [MessagesController, AsyncApiController],
      providers: [
        {
          provide: MessagingEngine,
          inject: [
            ConfigStore,
            ServiceInfo,
            CLOCK,
            LOGGER,
            Metrics,
            Tracing,
            TransactionHost,
            KAFKA_DRIVER,
            Lifecycle,
            HealthRegistry,
            { token: Database, optional: true },
          ],
          useFactory: createEngine,
        },
        {
          provide: MessagePublisher,
          inject: [MessagingEngine],
          useFactory: ({ publisher }: MessagingEngine) => publisher,
        },
        {
          provide: MessagingRuntime,
          inject: [MessagingEngine],
          useFactory: ({ runtime }: MessagingEngine) => runtime,
        },
        {
          provide: MessageOperations,
          inject: [MessagingEngine],
          useFactory: ({ operations }: MessagingEngine) => operations,
        },
      ],
      exports: [MessagePublisher, MessagingRuntime, MessageOperations],
    };
  }

  onModuleInit(): void {
    const pipeline = new NestPipeline(this.discovery, this.contexts);
    new NestHandlers(pipeline, this.engine.runtime).subscribe();
  }
}

function createEngine(
  store: ConfigStore,
  service: ServiceInfo,
  clock: Clock,
  logger: Logger,
  metrics: Metrics,
  tracing: Tracing,
  host: TransactionHost,
  driver: KafkaDriver,
  lifecycle: Lifecycle,
  health: HealthRegistry,
  database?: Database,
): MessagingEngine {
  const own = logger.child({ context: 'Messaging' });
  const observed = new MessagingMetrics(metrics);
  const options = store.namespace('messaging', messagingOptions);
  const engine = new MessagingEngine(
    { service: service.name, ...options },
    {
      host,
      driver,
      tracing,
      clock,
      random: systemRandom,
      log: (level, message, fields = {}) => own[level](fields, message),
      listener: observed,
    },
  );
  observed.watchOutbox(engine.outbox);
  observed.watchDelayed(engine.delayed);
  observed.watchInFlight(() => engine.inFlight());
  observed.watchFailed(engine.failures);
  health.register(messagingHealth(engine, options.outbox.alarmAfter));
  health.register(consumersHealth(engine.vitals));
  const poolSize = database?.pool.options.max;
  if (poolSize !== undefined && options.concurrency >= poolSize) {
    own.warn(poolWarning(options.concurrency, poolSize));
  }
  lifecycle.onStart('schedulers', 'outbox', () => engine.startRelay());
  lifecycle.onStart('consumers', 'messaging', (signal) => engine.startConsumers(signal));
  lifecycle.onStop('consumers', 'messaging', () => engine.stopConsumers());
  lifecycle.onStop('outbox', 'outbox', (signal) => engine.stopRelay(signal));
  return engine;
}

/** A handler may need a second connection while all others hold theirs: nobody would get on. */
function poolWarning(concurrency: number, poolSize: number): string {
  return (
    `messaging.concurrency is ${concurrency} and database.poolSize ${poolSize}: each handler holds ` +
    `a connection, and the outbox, or one that begins a transaction of its own, finds none; lower ` +
    `the one or raise the other`
  );
}
