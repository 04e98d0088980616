import {
  AbortedError,
  environmentOf,
  InvalidOptionError,
  systemClock,
  systemRandom,
  type Clock,
  type Environment,
  type Random,
} from '@rookery/core';
import { configOptions, identityOptions } from './config.options.js';
import { readLocalFiles } from './property-source/local-files.js';
import type { PropertySource } from './property-source/property-source.js';
import { ConfigServerSources } from './server-client/config-server-sources.js';
import { stderrLog, type ConfigLog } from './store/config-log.js';
import { ConfigStore } from './store/config-store.js';

/** Options of {@link loadConfig}. */
export interface LoadConfigOptions {
  /** Name of the service: its files, its section of the config server, its environment. */
  readonly app: string;
  /** @default environmentOf(app) */
  readonly environment?: Environment | undefined;
  /** Folder of the local files. @default `config.directory`, which is `config` */
  readonly directory?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Gives up waiting for the config server. */
  readonly signal?: AbortSignal | undefined;
  /** @default a line to standard error each */
  readonly log?: ConfigLog | undefined;
}

/**
 * Loads the configuration of a service. Environment variables win over the config server
 * (`CONFIG_URL`) or, without one, over the local files `<app>-<profile>.yml`,
 * `application-<profile>.yml`, `<app>.yml`, `application.yml`; defaults of the schemas come last. With a config
 * server the store keeps itself current until it is closed.
 *
 * The profile is `ROOKERY_PROFILE`, else `production` when NODE_ENV says so, else `development`.
 *
 * @throws InvalidOptionError when the environment is wrong
 * @throws ConfigServerError when no config server answers within `config.failFastAfter`
 * @throws ConfigDocumentError, PlaceholderError when the documents are wrong
 * @throws AbortedError when `signal` aborts
 */
export async function loadConfig(options: LoadConfigOptions): Promise<ConfigStore> {
  const { app, clock = systemClock, random = systemRandom, log = stderrLog } = options;
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(app)) {
    throw new InvalidOptionError('loadConfig()', [
      `app: '${app}' is not allowed, expected up to 63 of a-z 0-9 -, a letter first`,
    ]);
  }
  const environment = options.environment ?? environmentOf(app);
  const signal = options.signal ?? new AbortController().signal;
  if (signal.aborted) throw new AbortedError('loadConfig', signal.reason);

  const bare = ConfigStore.of(app, {}, environment);
  const { profile = environment.NODE_ENV === 'production' ? 'production' : 'development' } =
    bare.namespace('rookery', identityOptions);
  const settings = bare.namespace('config', configOptions);
  const profiles = profile.split(',');
  const common = { app, profiles, environment, clock, random, log };

  if (settings.url === undefined) {
    const directory = options.directory ?? settings.directory;
    const read = (): Promise<PropertySource[]> => readLocalFiles(directory, app, profiles);
    return new ConfigStore({ ...common, sources: await read(), reload: read });
  }
  const server = new ConfigServerSources(app, profiles, settings, clock, random, log);
  const sources = await server.first(signal);
  const store = new ConfigStore({
    ...common,
    sources,
    reload: (closing) => server.changed(closing),
    follow: (onRevision, closing) => server.follow(onRevision, closing),
  });
  store.watch();
  return store;
}
