import {
  Inject,
  Module,
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { EmbeddedKafka } from '../embedded-kafka.js';
import type { EmbeddedKafkaOptions } from '../embedded-kafka.options.js';

/** Options of {@link EmbeddedKafkaModule.forRootAsync}. */
export interface EmbeddedKafkaAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` gets. */
  readonly inject?: FactoryProvider['inject'];
  /** Makes the options. */
  readonly useFactory: (...injected: any[]) => EmbeddedKafkaOptions | Promise<EmbeddedKafkaOptions>;
}

/** A module whose broker runs already; see {@link EmbeddedKafkaModule.forTest}. */
export interface StartedEmbeddedKafkaModule extends DynamicModule {
  /** The broker, for its faults. */
  readonly kafka: EmbeddedKafka;
  /** What to set as `kafka.brokers`. */
  readonly brokers: readonly string[];
}

/**
 * An embedded Kafka that lives as long as the application: it is there before whatever injects
 * {@link EmbeddedKafka}, and stops in the last hook of the shutdown, when its clients have left.
 * Global, so that one import in the root module is enough.
 */
@Module({})
export class EmbeddedKafkaModule implements OnApplicationShutdown {
  constructor(@Inject(EmbeddedKafka) private readonly kafka: EmbeddedKafka) {}

  /**
   * Starts a broker with the application. Give it a `port` if a configuration that is read before
   * names it; what needs its address otherwise injects {@link EmbeddedKafka}.
   */
  static forRoot(options: EmbeddedKafkaOptions = {}): DynamicModule {
    return EmbeddedKafkaModule.forRootAsync({ useFactory: () => options });
  }

  /** Like {@link forRoot}, with options that others provide. */
  static forRootAsync(options: EmbeddedKafkaAsyncOptions): DynamicModule {
    const { inject = [], imports = [], useFactory } = options;
    return moduleOf({
      imports,
      providers: [
        {
          provide: EmbeddedKafka,
          inject,
          useFactory: async (...injected: unknown[]) =>
            EmbeddedKafka.start(await useFactory(...injected)),
        },
      ],
    });
  }

  /**
   * Starts a broker at once, for a test that writes its address into a configuration, and gives it
   * to the application, which stops it when it closes.
   *
   * @throws what {@link EmbeddedKafka.start} throws
   */
  static async forTest(options: EmbeddedKafkaOptions = {}): Promise<StartedEmbeddedKafkaModule> {
    const kafka = await EmbeddedKafka.start(options);
    const module = moduleOf({ providers: [{ provide: EmbeddedKafka, useValue: kafka }] });
    return { ...module, kafka, brokers: kafka.brokers };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.kafka.stop();
  }
}

function moduleOf(parts: Pick<DynamicModule, 'imports' | 'providers'>): DynamicModule {
  return { module: EmbeddedKafkaModule, global: true, exports: [EmbeddedKafka], ...parts };
}
