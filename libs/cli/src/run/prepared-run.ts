import { existsSync } from 'node:fs';
import type { Clock, Environment } from '@rookery/core';
import { CommandError } from '../cli.errors.js';
import {
  embeddedPostgres,
  externalPostgres,
  type PostgresServer,
} from '../infrastructure/postgres-server.js';
import { externalKafka } from '../infrastructure/external-kafka.js';
import type { Output } from '../output/output.js';
import { PortAllocator } from '../ports/free-port.js';
import { authSeed } from '../secrets/auth-seed.js';
import { DevelopmentSecrets, writePrivately } from '../secrets/development-secrets.js';
import type { Workspace } from '../workspace/rookery-file.js';
import type { WorkspacePaths } from '../workspace/workspace-paths.js';
import type { PlannedApp } from '../workspace/start-plan.js';
import { appEnvironment, CONFIG_SERVER, type RunAddresses } from './app-environment.js';
import type { RunOptions } from './run-options.js';

/** Name of the embedded broker among what runs. */
export const KAFKA = 'kafka';

/** Between the ports of an app's instances, so that they do not mix with those of other apps. */
const INSTANCE_DISTANCE = 100;

/** What a run is made in. */
export interface RunContext {
  readonly workspace: Workspace;
  readonly paths: WorkspacePaths;
  readonly output: Output;
  readonly clock: Clock;
}

/** One instance of an app, with all it needs to start. */
export interface PreparedInstance {
  readonly app: string;
  readonly instance: string;
  readonly port: number;
  /** Apps, and parts of the infrastructure, that must be ready before. */
  readonly waitsFor: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Infrastructure that runs, and instances that can be started. */
export interface PreparedRun {
  readonly instances: readonly PreparedInstance[];
  readonly brokers: readonly string[];
  /** Port of the embedded Kafka, when it is to be started. */
  readonly kafkaPort: number | undefined;
  readonly postgres: PostgresServer | undefined;
  /** Holds the ports until their processes start. */
  readonly ports: PortAllocator;
  readonly secrets: DevelopmentSecrets;
}

/** Takes ports, starts or checks PostgreSQL, and hands out secrets. Starts no app. */
export async function prepareRun(context: RunContext, options: RunOptions): Promise<PreparedRun> {
  const { workspace, paths, output } = context;
  requireConfiguration(options, paths);
  const ports = new PortAllocator(options.ports);
  const needed = options.plan.map(({ app }) => workspace.file.apps[app]);
  const take = async (name: string, wanted: number): Promise<number> => {
    const port = await ports.take(name, wanted);
    if (port !== wanted && !options.ports.has(name)) {
      output.event('warn', `port ${wanted} is in use: ${name} gets ${port}`, { app: name, port });
    }
    return port;
  };

  let kafkaPort: number | undefined;
  let brokers: string[] = [];
  if (options.kafka !== undefined) brokers = await externalKafka(options.kafka);
  else if (needed.some((app) => app?.kafka)) {
    kafkaPort = await take(KAFKA, workspace.file.kafka.port);
    brokers = [`127.0.0.1:${kafkaPort}`];
  }
  const before = ({ app, waitsFor }: PlannedApp): readonly string[] =>
    kafkaPort !== undefined && workspace.file.apps[app]?.kafka ? [...waitsFor, KAFKA] : waitsFor;
  const taken: Omit<PreparedInstance, 'environment'>[] = [];
  for (const planned of options.plan) {
    const { app, instances } = planned;
    const port = await take(app, workspace.file.apps[app]?.port ?? 0);
    taken.push({ app, instance: instances[0] ?? app, port, waitsFor: before(planned) });
  }
  for (const planned of options.plan) {
    for (const [index, instance] of [...planned.instances.entries()].slice(1)) {
      const { app } = planned;
      const wanted = (workspace.file.apps[app]?.port ?? 0) + index * INSTANCE_DISTANCE;
      const port = await ports.take(instance, wanted);
      taken.push({ app, instance, port, waitsFor: before(planned) });
    }
  }
  const secrets = new DevelopmentSecrets(paths.secrets);
  writePrivately(paths.authSeed, authSeed(workspace.file, secrets));
  const withDatabase = options.plan.filter(({ app }) => workspace.file.apps[app]?.database);
  const { postgres, databases } = await prepareDatabases(
    context,
    options,
    withDatabase.map(({ app }) => app),
  );
  const run: RunAddresses = {
    ports: new Map(taken.map(({ app, port }) => [app, port] as const).reverse()),
    brokers,
    databases,
  };
  const instances = taken.map((one) => ({
    ...one,
    environment: appEnvironment(one.app, one.instance, one.port, run, secrets, paths),
  }));
  writePrivately(paths.environments, joining(instances));
  return { brokers, kafkaPort, postgres, ports, secrets, instances };
}

/** By app, what a further instance that somebody starts by hand needs: all but what is one's own. */
function joining(instances: readonly PreparedInstance[]): Record<string, Environment> {
  return Object.fromEntries(
    instances.map(({ app, environment }) => {
      const {
        PORT: _port,
        ROOKERY_INSTANCE: _instance,
        LOG_FORMAT: _format,
        ...rest
      } = environment;
      return [app, rest];
    }),
  );
}

function requireConfiguration({ plan }: RunOptions, { configuration }: WorkspacePaths): void {
  if (existsSync(configuration) || !plan.some(({ app }) => app === CONFIG_SERVER)) return;
  throw new CommandError(
    `the configuration folder ${configuration} is missing`,
    'restore it, or make it: an empty one will do',
  );
}

async function prepareDatabases(
  { paths, workspace, output }: RunContext,
  options: RunOptions,
  apps: readonly string[],
): Promise<{ postgres: PostgresServer | undefined; databases: Map<string, string> }> {
  const databases = new Map<string, string>();
  if (apps.length === 0 && options.postgres === undefined)
    return { postgres: undefined, databases };
  const postgres =
    options.postgres === undefined
      ? await embeddedPostgres(
          paths.postgres,
          { port: workspace.file.postgres.port, explicit: options.ports.get('postgres') },
          (message) => output.event('info', message),
        )
      : await externalPostgres(options.postgres);
  try {
    await Promise.all(apps.map(async (app) => databases.set(app, await postgres.databaseUrl(app))));
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return { postgres, databases };
}
