import type { Clock } from '@rookery/core';
import { builtEntry, HOST_ENTRY, KAFKA_ENTRY, sourceEntry } from '../build/build-apps.js';
import type { HostOrder } from '../hosted/host.main.js';
import { ManagedProcess, type ProcessObserver } from '../process/managed-process.js';
import { ownScript, parentGuard, sourceHook } from '../process/own-script.js';
import type { GroupMember } from '../process/process-group.js';
import { httpProbe, kafkaProbe, type Probe } from '../process/readiness.js';
import type { WorkspacePaths } from '../workspace/workspace-paths.js';
import { processEnvironment } from './app-environment.js';
import { KAFKA, type PreparedInstance, type PreparedRun } from './prepared-run.js';
import type { RunOptions } from './run-options.js';
import { pathToFileURL } from 'node:url';

/** Name of the one process of `--one`. */
export const HOST = 'platform';

/**
 * A development machine runs a dozen processes that are idle most of the time: a small young
 * generation and one helper thread make each hold less.
 */
const MEMORY_FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1'];

/**
 * By itself glibc keeps an arena for each thread, and after one large block of memory keeps all
 * large ones: hashing a few passwords made a process hold 130 MB for good.
 */
const MEMORY_ENVIRONMENT = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
  ...process.env,
};

/** How the processes of a run are made. */
export interface ProcessParts {
  readonly prepared: PreparedRun;
  readonly options: RunOptions;
  readonly paths: WorkspacePaths;
  readonly observer: ProcessObserver;
  readonly clock: Clock;
}

/** Whether an app answers that it is ready. */
export function readyProbe(port: number): Probe {
  return httpProbe(`http://127.0.0.1:${port}/manage/health/ready`);
}

/** The processes of a run, and which waits for which. */
export function runProcesses(parts: ProcessParts): GroupMember[] {
  return parts.options.mode === 'one' ? [host(parts)] : [...kafka(parts), ...apps(parts)];
}

function apps(parts: ProcessParts): GroupMember[] {
  const { prepared, options, paths } = parts;
  const fromSources = options.mode === 'dev';
  const run = (one: PreparedInstance): ManagedProcess =>
    make(parts, one.instance, readyProbe(one.port), {
      ports: [one.port],
      argv: fromSources
        ? ['--import', sourceHook, sourceEntry(paths.root, one.app)]
        : [builtEntry(paths, one.app)],
      environment: { ...one.environment, ...(fromSources && { ROOKERY_REPORT_SOURCES: '1' }) },
    });
  return options.plan.map(({ app }) => {
    const instances = prepared.instances.filter((one) => one.app === app);
    return { name: app, waitsFor: instances[0]?.waitsFor ?? [], processes: instances.map(run) };
  });
}

function kafka(parts: ProcessParts): GroupMember[] {
  const { prepared, options, paths } = parts;
  if (prepared.kafkaPort === undefined) return [];
  const argv =
    options.mode === 'dev' ? ownScript('hosted/kafka.main') : [builtEntry(paths, KAFKA_ENTRY)];
  const environment = {
    ROOKERY_PROFILE: 'development',
    KAFKA_PORT: String(prepared.kafkaPort),
    KAFKA_DATA: paths.kafka,
  };
  const probe = kafkaProbe('127.0.0.1', prepared.kafkaPort);
  return [
    {
      name: KAFKA,
      waitsFor: [],
      processes: [make(parts, KAFKA, probe, { ports: [prepared.kafkaPort], argv, environment })],
    },
  ];
}

function host(parts: ProcessParts): GroupMember {
  const { prepared, paths } = parts;
  const order: HostOrder = {
    apps: prepared.instances.map(({ app, environment, waitsFor }) => ({
      app,
      environment,
      waitsFor,
      module: pathToFileURL(builtEntry(paths, app)).href,
    })),
    kafka:
      prepared.kafkaPort === undefined
        ? undefined
        : { port: prepared.kafkaPort, dataDirectory: paths.kafka },
  };
  const probe = allOf(prepared.instances);
  const ports = prepared.instances.map(({ port }) => port);
  const spec = {
    ports: prepared.kafkaPort === undefined ? ports : [...ports, prepared.kafkaPort],
    argv: [builtEntry(paths, HOST_ENTRY)],
    environment: { ROOKERY_PROFILE: 'development' },
    greeting: { ...order },
  };
  return { name: HOST, waitsFor: [], processes: [make(parts, HOST, probe, spec)] };
}

function allOf(instances: readonly PreparedInstance[]): Probe {
  const probes = instances.map(({ port }) => readyProbe(port));
  return async () => {
    for (const probe of probes) if (!(await probe())) return false;
    return true;
  };
}

function make(
  { paths, observer, clock, prepared, options }: ProcessParts,
  name: string,
  probe: Probe,
  spec: {
    readonly ports: readonly number[];
    readonly argv: readonly string[];
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly greeting?: Readonly<Record<string, unknown>>;
  },
): ManagedProcess {
  // Who waits for a saved file to be served wants it fast, whatever it takes.
  const flags = options.mode === 'dev' ? [] : MEMORY_FLAGS;
  return new ManagedProcess(
    {
      name,
      argv: [...flags, '--enable-source-maps', '--import', parentGuard, ...spec.argv],
      environment: processEnvironment({
        ...MEMORY_ENVIRONMENT,
        NODE_COMPILE_CACHE: paths.compileCache,
        ...spec.environment,
      }),
      workingDirectory: paths.root,
      probe,
      onStart: () => spec.ports.forEach((port) => prepared.ports.release(port)),
      ...(spec.greeting !== undefined && { greeting: spec.greeting }),
    },
    observer,
    clock,
  );
}
