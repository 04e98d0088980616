import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ConfigStore } from '../store/config-store.js';

/**
 * `ConfigService` of @nestjs/config over the live snapshot, for libraries that inject it. It reads
 * `snapshot.values` by path and never the process's environment.
 */
@Injectable()
class SnapshotConfigService extends ConfigService {
  constructor(@Inject(ConfigStore) store: ConfigStore) {
    super(store.snapshot.values as Record<string, unknown>);
    // Private in the types only; @nestjs/config's own module sets it from outside as well.
    (this as unknown as { skipProcessEnv: boolean }).skipProcessEnv = true;
    // The base class reads this field on every access: a getter makes each read a current one.
    Object.defineProperty(this, 'internalConfig', { get: () => store.snapshot.values });
  }

  /** @throws TypeError always: configuration changes at its source, or not at all. */
  override set(): never {
    throw new TypeError('configuration is read-only; change its source and refresh');
  }
}

/**
 * Offers @nestjs/config's `ConfigService` next to {@link ConfigStore}. A module of its own, because
 * loading @nestjs/config takes 20 ms and 3.5 MB that services without such a library save.
 */
@Module({})
export class NestConfigModule {
  /** Import it once, beside `ConfigModule.forStore()`. Global. */
  static forRoot(): DynamicModule {
    return {
      module: NestConfigModule,
      global: true,
      providers: [{ provide: ConfigService, useClass: SnapshotConfigService }],
      exports: [ConfigService],
    };
  }
}
