import { Inject, Module, type DynamicModule, type OnModuleInit, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { Lifecycle, runInContext, type Clock } from '@rookery/core';
import { MessagePublisher, MessagingRuntime } from '@rookery/messaging';
import { LOGGER, Metrics, Tracing, type Logger } from '@rookery/observability';
import { TransactionHost } from '@rookery/persistence';
import { defineSaga } from './definition/define-saga.js';
import type { SagaDefinition } from './definition/saga-definition.js';
import { SagaEngine } from './engine/saga-engine.js';
import type { SagaTracer } from './engine/saga-ports.js';
import { MessageTransport } from './messaging/message-transport.js';
import { replyTopic, subscribeSagas } from './messaging/saga-subscriptions.js';
import { SagaOperations } from './operations/saga-operations.js';
import { SagaController } from './operations/saga.controller.js';
import { SagaDefinitionError } from './saga.errors.js';
import { sagaMetrics } from './saga.metrics.js';
import { sagaOptions, type SagaConfig } from './saga.options.js';
import { DueTimer } from './scheduler/due-timer.js';
import { SagaCleaner } from './scheduler/saga-cleaner.js';
import { SqlSagaStore } from './store/sql-saga-store.js';

const SAGAS = Symbol('rookery.saga.classes');

/**
 * Runs the sagas of a service: begins them on their events, sends their commands, takes their
 * replies, watches their timers. Needs `ConfigModule`, `ObservabilityModule`, `PersistenceModule`
 * with `sagaMigrations`, and `MessagingModule`; reads `saga`. Global.
 */
@Module({})
export class SagaModule implements OnModuleInit {
  constructor(
    @Inject(SAGAS) private readonly classes: readonly Type[],
    private readonly modules: ModuleRef,
    private readonly config: ConfigStore,
    private readonly service: ServiceInfo,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly metrics: Metrics,
    private readonly tracing: Tracing,
    private readonly lifecycle: Lifecycle,
    private readonly store: SqlSagaStore,
    private readonly operations: SagaOperations,
    private readonly publisher: MessagePublisher,
    private readonly runtime: MessagingRuntime,
  ) {}

  /** @param sagas classes with `@Saga`, each provided by a module of the service */
  static forRoot(sagas: readonly Type[]): DynamicModule {
    return {
      module: SagaModule,
      global: true,
      controllers: [SagaController],
      providers: [
        { provide: SAGAS, useValue: sagas },
        {
          provide: SqlSagaStore,
          inject: [TransactionHost],
          useFactory: (host: TransactionHost) => new SqlSagaStore(host),
        },
        {
          provide: SagaOperations,
          inject: [SqlSagaStore],
          useFactory: (store: SqlSagaStore) => new SagaOperations(store),
        },
      ],
      exports: [SagaOperations],
    };
  }

  /** @throws SagaDefinitionError when a saga cannot work as declared */
  onModuleInit(): void {
    const config = this.config.namespace('saga', sagaOptions);
    const definitions = this.classes.map((type) =>
      defineSaga(this.#instanceOf(type), { stepTimeoutMs: config.stepTimeout }),
    );
    this.operations.know(definitions);
    const timer = this.#run(config, definitions);
    const cleaner = new SagaCleaner(this.store, config.retention, this.clock, (error) =>
      this.#log.warn({ err: error }, 'ended sagas could not be removed; trying again in an hour'),
    );
    this.lifecycle.onStart('schedulers', 'saga', () => {
      timer.start();
      cleaner.start();
    });
    this.lifecycle.onStop('schedulers', 'saga', async () => {
      await Promise.all([timer.stop(), cleaner.stop()]);
    });
  }

  #run(config: SagaConfig, definitions: readonly SagaDefinition[]): DueTimer {
    const { store, clock, service } = this;
    const engine: SagaEngine = new SagaEngine({
      app: service.name,
      definitions,
      store,
      transport: new MessageTransport(this.publisher, replyTopic(service.name)),
      tracer: this.#tracer(),
      clock,
      onDue: (dueAt) => timer.wakeAt(dueAt),
      listener: this.#listener(),
    });
    const timer: DueTimer = new DueTimer({
      engine,
      clock,
      pollIntervalMs: config.pollInterval,
      onFailure: (err) => this.#log.warn({ err }, 'sagas that are due cannot be read; retrying'),
    });
    subscribeSagas(this.runtime, engine, definitions, service.name);
    return timer;
  }

  #listener(): ReturnType<typeof sagaMetrics> {
    const measured = sagaMetrics(this.metrics, this.store, this.clock);
    return {
      ...measured,
      transition: (message) => {
        measured.transition(message);
        const { saga, id, status, reason } = message;
        const why = reason === undefined ? '' : ` (${reason})`;
        const level = status === 'failed' ? 'error' : 'info';
        this.#log[level]({ sagaId: id }, `saga ${saga} is ${status}${why}`);
      },
    };
  }

  /** Timers continue the trace that began the saga, so that it stays one to look at. */
  #tracer(): SagaTracer {
    const { tracing, service } = this;
    return {
      capture: () => {
        const carrier: Record<string, string> = {};
        tracing.inject(carrier);
        return carrier;
      },
      within: (instance, fn) => {
        const context = { app: service.name, correlationId: instance.correlationId };
        const attributes = { 'saga.name': instance.saga, 'saga.id': instance.id };
        const parent = tracing.extract(instance.carrier);
        return runInContext(context, () =>
          tracing.run(`timer ${instance.saga}`, { parent, attributes }, fn),
        );
      },
    };
  }

  #instanceOf(type: Type): object {
    try {
      return this.modules.get<object>(type, { strict: false });
    } catch (error) {
      throw new SagaDefinitionError(type.name, [
        `no module provides it, add it to the providers of one (${(error as Error).message})`,
      ]);
    }
  }

  get #log(): Logger {
    return this.logger.child({ context: 'Saga' });
  }
}
