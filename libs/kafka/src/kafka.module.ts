import { Module, type DynamicModule } from '@nestjs/common';
import { CLOCK, ConfigStore, ServiceInfo } from '@rookery/config';
import { HealthRegistry, Lifecycle, systemRandom, type Clock } from '@rookery/core';
import { LOGGER, type Logger } from '@rookery/observability';
import { awaitBroker } from './driver/await-broker.js';
import type { KafkaDriver, KafkaLog } from './driver/kafka-driver.js';
import { brokerHealth, consumerHealth } from './kafka.health.js';
import { kafkaOptions, type KafkaOptions } from './kafka.options.js';
import { tlsOptions } from './kafka.tls.js';
import { kafkajsDriver } from './kafkajs/kafkajs-loader.js';
import { MemoryBroker } from './memory/memory-broker.js';
import { MemoryKafkaDriver } from './memory/memory-kafka.driver.js';
import { platformaticDriver } from './platformatic/platformatic-loader.js';

/** Token of the service's {@link KafkaDriver}. */
export const KAFKA_DRIVER = Symbol.for('rookery:kafka-driver');

/** Options of {@link KafkaModule.forRoot}. */
export interface KafkaModuleOptions {
  /** What services with `kafka.driver: memory` share, so that they reach each other. */
  readonly memory?: MemoryBroker;
}

/**
 * Provides {@link KAFKA_DRIVER} as configured under `kafka`. The service starts its schedulers and
 * consumers only once a broker answers. Global; needs `ConfigModule` and
 * `ObservabilityModule`.
 */
@Module({})
export class KafkaModule {
  static forRoot(options: KafkaModuleOptions = {}): DynamicModule {
    return {
      module: KafkaModule,
      global: true,
      providers: [
        {
          provide: KAFKA_DRIVER,
          inject: [ConfigStore, ServiceInfo, CLOCK, LOGGER, Lifecycle, HealthRegistry],
          useFactory: async (
            store: ConfigStore,
            service: ServiceInfo,
            clock: Clock,
            logger: Logger,
            lifecycle: Lifecycle,
            health: HealthRegistry,
          ): Promise<KafkaDriver> => {
            const settings = store.namespace('kafka', kafkaOptions);
            const log = pinoLog(logger.child({ context: 'Kafka' }));
            const driver = await createDriver(settings, service, clock, log, options);
            const admin = driver.admin();
            const { brokers } = settings;
            health.register(brokerHealth(admin, clock));
            health.register(consumerHealth(driver));
            lifecycle.onStart('schedulers', 'kafka', (signal) =>
              awaitBroker({ admin, brokers, clock, random: systemRandom, log }, signal),
            );
            lifecycle.onStop('pools', 'kafka', () => driver.close());
            return driver;
          },
        },
      ],
      exports: [KAFKA_DRIVER],
    };
  }
}

async function createDriver(
  settings: KafkaOptions,
  service: ServiceInfo,
  clock: Clock,
  log: KafkaLog,
  options: KafkaModuleOptions,
): Promise<KafkaDriver> {
  if (settings.driver === 'memory') {
    return new MemoryKafkaDriver({ broker: options.memory ?? new MemoryBroker(), clock });
  }
  const create = settings.driver === 'platformatic' ? platformaticDriver : kafkajsDriver;
  return create(
    {
      brokers: settings.brokers,
      clientId: settings.clientId ?? service.instance,
      ssl: await tlsOptions(settings),
      sasl: settings.sasl,
      connectionTimeoutMs: settings.connectionTimeout,
      requestTimeoutMs: settings.requestTimeout,
      sessionTimeoutMs: settings.sessionTimeout,
      heartbeatMs: settings.heartbeat,
      rebalanceTimeoutMs: settings.rebalanceTimeout,
      ...(settings.maxWait === undefined ? {} : { maxWaitMs: settings.maxWait }),
      maxCrashes: settings.maxCrashes,
      instanceId: settings.instanceId,
    },
    { clock, log },
  );
}

function pinoLog(logger: Logger): KafkaLog {
  return (level, message, fields = {}) => logger[level](fields, message);
}
