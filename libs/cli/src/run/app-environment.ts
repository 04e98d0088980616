import type { Environment } from '@rookery/core';
import type { DevelopmentSecrets } from '../secrets/development-secrets.js';
import type { WorkspacePaths } from '../workspace/workspace-paths.js';

/** Names of the apps that the environment of the others points to. */
export const CONFIG_SERVER = 'config-server';
const DISCOVERY = 'discovery';
const AUTH = 'auth';

/** What all apps of a run have in common. */
export interface RunAddresses {
  /** Port of the first instance of each app. */
  readonly ports: ReadonlyMap<string, number>;
  /** `host:port` of Kafka's brokers. */
  readonly brokers: readonly string[];
  /** Connection address of each app that has a database. */
  readonly databases: ReadonlyMap<string, string>;
}

/**
 * The environment of one instance: where its port, database, brokers and neighbours are, and the
 * secrets it proves itself with. Nothing else is handed to it but the CLI's own environment.
 */
export function appEnvironment(
  app: string,
  instance: string,
  port: number,
  run: RunAddresses,
  secrets: DevelopmentSecrets,
  paths: WorkspacePaths,
): Environment {
  const address = (name: string, credentials = ''): string | undefined => {
    const at = run.ports.get(name);
    return at === undefined ? undefined : `http://${credentials}127.0.0.1:${at}`;
  };
  const discovery = address(DISCOVERY, `discovery:${secrets.get('discovery')}@`);
  return {
    ROOKERY_PROFILE: 'development',
    ROOKERY_INSTANCE: instance,
    PORT: String(port),
    LOG_FORMAT: 'json',
    DATABASE_URL: run.databases.get(app),
    KAFKA_BROKERS: run.brokers.join(','),
    DISCOVERY_URL: discovery === undefined ? undefined : `${discovery}/eureka`,
    AUTH_ISSUER: address(AUTH),
    AUTH_CLIENT_ID: app,
    AUTH_CLIENT_SECRET: secrets.get(`client:${app}`),
    ...(app === CONFIG_SERVER
      ? {
          CONFIG_SERVER_USERNAME: 'config',
          CONFIG_SERVER_PASSWORD: secrets.get('config-server'),
          CONFIG_SERVER_ROOT: paths.configuration,
        }
      : { CONFIG_URL: address(CONFIG_SERVER, `config:${secrets.get('config-server')}@`) }),
    ...(app === DISCOVERY && {
      DISCOVERY_SERVER_USERNAME: 'discovery',
      DISCOVERY_SERVER_PASSWORD: secrets.get('discovery'),
    }),
    ...(app === AUTH && { AUTH_SEED_FILE: paths.authSeed }),
  };
}

/** The CLI's own environment with an app's on top; what the app's leaves undefined is removed. */
export function processEnvironment(own: Environment): Record<string, string> {
  const merged: Environment = { ...process.env, ...own };
  return Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
