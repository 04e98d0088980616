import { spawn } from 'node:child_process';
import { isPortFree } from '../ports/free-port.js';
import { CommandError } from '../cli.errors.js';
import { ownScript, parentGuard } from '../process/own-script.js';
import { readRunState } from '../run/run-state.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

/**
 * Runs the embedded broker alone, until it is told to stop: `rookery kafka`.
 *
 * @returns its exit code
 * @throws CommandError when it cannot be started as asked
 */
export async function kafka(options: { port?: string; memory?: boolean }): Promise<number> {
  const { root, file } = openWorkspace();
  const paths = new WorkspacePaths(root);
  if (options.memory !== true && readRunState(paths) !== undefined) {
    throw new CommandError(
      'the run of this workspace uses the data of its broker',
      'add --memory, or stop the run with `npx rookery down`',
    );
  }
  const port = options.port === undefined ? file.kafka.port : Number(options.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new CommandError(`--port ${options.port} is no port`, 'use 1 to 65535');
  }
  if (!(await isPortFree(port))) {
    throw new CommandError(`port ${port} is in use`, 'name another with --port');
  }
  const child = spawn(
    process.execPath,
    ['--import', parentGuard, ...ownScript('hosted/kafka.main')],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        KAFKA_PORT: String(port),
        LOG_FORMAT: process.stdout.isTTY ? 'pretty' : 'json',
        ...(options.memory !== true && { KAFKA_DATA: paths.kafka }),
      },
    },
  );
  // The child ends by the same Ctrl-C; we stay for its exit code.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}
