import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { WorkerClient } from '../port/worker-client.js';
import type { ClientSource } from '../suite/suite.js';

const run = promisify(execFile);
const PACKAGE = 'confluent-kafka==2.16.1';
const VENV = fileURLToPath(
  new URL(`../../../node_modules/.cache/rookery/${PACKAGE.replace('==', '-')}`, import.meta.url),
);
const WORKER = fileURLToPath(new URL('librdkafka/worker.py', import.meta.url));

/** librdkafka, by its binding for Python: what it does not offer, kcat would not either. */
export const librdkafkaClient: ClientSource = {
  name: 'librdkafka',
  obstacle: async () => {
    if (existsSync(VENV)) return undefined;
    try {
      await run('python3', ['--version']);
    } catch {
      return 'python3 is not installed';
    }
    return install();
  },
  start: ({ plain, sasl }) =>
    // -B: no compiled files beside the sources.
    WorkerClient.start(join(VENV, 'bin/python'), ['-B', '-u', WORKER, plain, sasl]),
};

/** Why it could not be installed, or `undefined`. */
async function install(): Promise<string | undefined> {
  const building = `${VENV}.${process.pid}`;
  try {
    await run('python3', ['-m', 'venv', building], { timeout: 60_000 });
    const pip = join(building, 'bin/python');
    await run(pip, ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', PACKAGE], {
      timeout: 120_000,
    });
    await rename(building, VENV);
    return undefined;
  } catch (error) {
    // Of an exit, the last line says why; the message is the command.
    const { message, stderr = '' } = error as Error & { stderr?: string };
    return `${PACKAGE} could not be installed: ${stderr.trim().split('\n').at(-1) || message}`;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}
