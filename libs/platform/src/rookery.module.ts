import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ActuatorModule } from '@rookery/actuator';
import { ObservabilityModule } from '@rookery/observability';
import { ResilienceModule } from '@rookery/resilience';
import { ProblemFilter } from './problem/problem.filter.js';
import {
  resolveRookeryOptions,
  type ResolvedRookeryOptions,
  type RookeryOptions,
} from './rookery.options.js';

const declared = new WeakMap<object, ResolvedRookeryOptions>();

/**
 * The defaults of a service: configuration, logs, traces, metrics, health, security, discovery and
 * resilience, plus what the options ask for. Import it once, in the root module of an app, and start
 * the app with {@link bootstrap}.
 */
@Module({})
export class RookeryModule {
  /**
   * What is not asked for is not loaded, which keeps small services small.
   *
   * @throws InvalidOptionError at once when an option is wrong
   */
  static forRoot(options: RookeryOptions): Promise<DynamicModule> {
    const resolved = resolveRookeryOptions(options);
    const module = assemble(resolved);
    // A failure belongs to whoever awaits the module; until then it must not end the process.
    module.catch(() => {});
    declared.set(module, resolved);
    return module;
  }
}

/**
 * The options that an app's root module gave to {@link RookeryModule.forRoot}.
 *
 * @throws Error when the module does not import it
 */
export function optionsOf(appModule: Type): ResolvedRookeryOptions {
  const imports = (Reflect.getMetadata('imports', appModule) ?? []) as object[];
  for (const imported of imports) {
    const options = declared.get(imported);
    if (options !== undefined) return options;
  }
  throw new Error(`${appModule.name} must import RookeryModule.forRoot({ name: '...' })`);
}

async function assemble(options: ResolvedRookeryOptions): Promise<DynamicModule> {
  const { persistence, messaging, sagas, clients, security, discovery } = options;
  const imports: DynamicModule[] = [
    ObservabilityModule.forRoot(),
    ResilienceModule.forRoot(),
    ActuatorModule.forRoot(),
  ];
  if (security) imports.push((await import('@rookery/security')).SecurityModule.forRoot());
  if (discovery) imports.push((await import('@rookery/discovery')).DiscoveryModule.forRoot());
  if (clients.length > 0) {
    const { HttpClientModule } = await import('@rookery/http-client');
    imports.push(HttpClientModule.forFeature([...clients]));
  }
  const messagingLib = messaging ? await import('@rookery/messaging') : undefined;
  const sagaLib = sagas.length > 0 ? await import('@rookery/saga') : undefined;
  if (persistence !== undefined) {
    const Persistence =
      persistence.orm === 'typeorm'
        ? (await import('@rookery/persistence/typeorm')).TypeOrmPersistenceModule
        : (await import('@rookery/persistence')).PersistenceModule;
    const sets = [
      messagingLib?.messagingMigrations,
      sagaLib?.sagaMigrations,
      persistence.migrations,
    ];
    const migrations = sets.filter((set) => set !== undefined);
    imports.push(Persistence.forRoot({ migrations }));
  }
  if (messagingLib !== undefined) {
    const { KafkaModule } = await import('@rookery/kafka');
    imports.push(KafkaModule.forRoot(), messagingLib.MessagingModule.forRoot());
  }
  if (sagaLib !== undefined) imports.push(sagaLib.SagaModule.forRoot([...sagas]));
  return {
    module: RookeryModule,
    global: true,
    imports,
    providers: [{ provide: APP_FILTER, useClass: ProblemFilter }],
    exports: imports,
  };
}
