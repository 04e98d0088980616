import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { CommandError } from '../cli.errors.js';
import type { KafkaOrder } from '../hosted/kafka.main.js';
import { kafkaUsers } from '../infrastructure/kafka-users.js';
import { isPortFree } from '../ports/free-port.js';
import { ownScript, parentGuard } from '../process/own-script.js';
import { readRunState } from '../run/run-state.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

/** Options as they are on the command line. */
export interface RawKafkaOptions {
  readonly port?: string;
  readonly memory?: boolean;
  readonly data?: string;
  readonly nodes?: string;
  readonly topics?: string;
  readonly users?: string;
}

const MAX_NODES = 9;

/**
 * Runs the embedded broker alone, until it is told to stop: `rookery kafka`.
 *
 * @returns its exit code
 * @throws CommandError when it cannot be started as asked
 */
export async function kafka(options: RawKafkaOptions): Promise<number> {
  const { root, file } = openWorkspace();
  const paths = new WorkspacePaths(root);
  if (options.memory === true && options.data !== undefined) {
    throw new CommandError('--memory keeps nothing in --data', 'leave one of them out');
  }
  const data = options.data === undefined ? paths.kafka : resolve(options.data);
  if (options.memory !== true && data === paths.kafka && readRunState(paths) !== undefined) {
    throw new CommandError(
      'the run of this workspace uses the data of its broker',
      'add --memory or --data, or stop the run with `npx rookery down`',
    );
  }
  const nodes = numberIn('--nodes', options.nodes ?? '1', 1, MAX_NODES);
  const port = numberIn('--port', options.port ?? `${file.kafka.port}`, 1, 65_536 - nodes);
  await checkPorts(port, nodes);
  const users = kafkaUsers(options.users, process.env['KAFKA_USERS']);
  const topics = topicsOf(options.topics);
  const order: KafkaOrder = { nodes, topics, ...(users && { sasl: { users } }) };
  const child = spawn(
    process.execPath,
    ['--import', parentGuard, ...ownScript('hosted/kafka.main')],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        KAFKA_PORT: String(port),
        // An environment is for the eyes of its owner, unlike a command line.
        ROOKERY_KAFKA: JSON.stringify(order),
        LOG_FORMAT: process.stdout.isTTY ? 'pretty' : 'json',
        ...(options.memory !== true && { KAFKA_DATA: data }),
      },
    },
  );
  // The child ends by the same Ctrl-C; we stay for its exit code.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((done) => child.once('close', (code) => done(code ?? 1)));
}

function numberIn(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const what = option === '--port' ? 'no port' : 'not allowed';
  throw new CommandError(`${option} ${text} is ${what}`, `use ${min} to ${max}`);
}

async function checkPorts(first: number, count: number): Promise<void> {
  for (let port = first; port < first + count; port++) {
    if (await isPortFree(port)) continue;
    throw new CommandError(`port ${port} is in use`, 'name another with --port');
  }
}

/** `orders:6,payments` as partitions by name. */
function topicsOf(list = ''): Record<string, number> {
  const entries = list.split(',').filter((entry) => entry !== '');
  return Object.fromEntries(
    entries.map((entry) => {
      const [, name, partitions = '1'] =
        /^([A-Za-z0-9._-]{1,249})(?::([1-9]\d{0,3}))?$/.exec(entry) ?? [];
      if (name === undefined) {
        throw new CommandError(`--topics: '${entry}' is no topic`, 'use name or name:partitions');
      }
      return [name, Number(partitions)];
    }),
  );
}
