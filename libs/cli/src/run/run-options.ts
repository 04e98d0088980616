import { CommandError } from '../cli.errors.js';
import type { LogFormat } from '../output/output.js';
import { planStart, type PlannedApp } from '../workspace/start-plan.js';
import type { RookeryFile } from '../workspace/rookery-file.js';

/** Options of `up` and `dev`, as the command line gives them. */
export interface RawRunOptions {
  readonly one?: boolean;
  readonly only?: string;
  readonly instances?: string;
  readonly port?: string;
  readonly kafka?: string;
  readonly pg?: string;
  readonly log?: string;
}

/** What a run shall be. */
export interface RunOptions {
  readonly mode: 'processes' | 'one' | 'dev';
  readonly plan: readonly PlannedApp[];
  /** Ports that must be these. */
  readonly ports: ReadonlyMap<string, number>;
  /** Brokers to use in place of the embedded one. */
  readonly kafka: string | undefined;
  /** PostgreSQL to use in place of the embedded one. */
  readonly postgres: string | undefined;
  readonly format: LogFormat;
}

const INFRASTRUCTURE = ['kafka', 'postgres'];
const MOST_INSTANCES = 20;

/**
 * Checks the options of a run against the workspace.
 *
 * @throws CommandError on anything that is not right
 */
export function runOptions(
  raw: RawRunOptions,
  mode: RunOptions['mode'],
  file: RookeryFile,
): RunOptions {
  const only = raw.only?.split(',').map((name) => name.trim());
  const instances = pairs('--instances', raw.instances, 'orders=2');
  for (const [app, count] of instances) {
    if (count >= 1 && count <= MOST_INSTANCES) continue;
    throw new CommandError(`--instances ${app}=${count}`, `use 1 to ${MOST_INSTANCES}`);
  }
  if (mode === 'one' && [...instances.values()].some((count) => count > 1)) {
    throw new CommandError(
      '--instances needs a process for each instance',
      'leave out --one, or --instances',
    );
  }
  const plan = planStart(file, { only, instances });
  const ports = pairs('--port', raw.port, 'orders=8181');
  const known = [...plan.map(({ app }) => app), ...INFRASTRUCTURE];
  for (const [name, port] of ports) {
    if (!known.includes(name)) {
      throw new CommandError(`--port names ${name}, which does not run`, `use ${known.join(', ')}`);
    }
    if (port < 1 || port > 65_535) {
      throw new CommandError(`--port ${name}=${port} is no port`, 'use 1 to 65535');
    }
  }
  return {
    mode,
    plan,
    ports,
    kafka: raw.kafka ?? process.env.KAFKA_BROKERS,
    postgres: raw.pg ?? process.env.DATABASE_URL,
    format: logFormat(raw.log),
  };
}

/** Pretty on a terminal, JSON elsewhere, unless asked otherwise. */
export function logFormat(asked: string | undefined): LogFormat {
  if (asked === undefined) return process.stdout.isTTY ? 'pretty' : 'json';
  if (asked === 'pretty' || asked === 'json') return asked;
  throw new CommandError(`--log ${asked} is unknown`, 'use pretty or json');
}

function pairs(option: string, text: string | undefined, example: string): Map<string, number> {
  const map = new Map<string, number>();
  if (text === undefined) return map;
  for (const part of text.split(',')) {
    const match = /^\s*([a-z][a-z0-9-]*)=(\d+)\s*$/.exec(part);
    if (match?.[1] === undefined) {
      throw new CommandError(`${option} ${text} is not understood`, `write it as ${example}`);
    }
    map.set(match[1], Number(match[2]));
  }
  return map;
}
