import { fileURLToPath } from 'node:url';
import { WorkerClient } from '../port/worker-client.js';
import type { ClientSource } from '../suite/suite.js';

const HOOK = new URL('../../../libs/cli/runtime/source-hook.js', import.meta.url);

/** A client for Node.js: `<name>/worker.ts` in a process of its own. */
export function nodeClient(name: string): ClientSource {
  const worker = fileURLToPath(new URL(`${name}/worker.ts`, import.meta.url));
  return {
    name,
    obstacle: async () => undefined,
    start: ({ plain, sasl }) =>
      WorkerClient.start(process.execPath, ['--import', HOOK.href, worker, plain, sasl]),
  };
}
