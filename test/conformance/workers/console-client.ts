import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkerClient } from '../port/worker-client.js';
import type { ClientSource } from '../suite/suite.js';
import { commandClient } from './command-client.js';
import { adminOperations } from './console/admin.js';
import { recordOperations } from './console/records.js';
import { ConsoleTools } from './console/tools.js';
import { javaArgs, whyNoJava } from './java-client.js';

/** The tools that come with Kafka, by their main classes in one JVM: one for each run would take minutes. */
export const consoleClient: ClientSource = {
  name: 'console',
  obstacle: whyNoJava,
  start: async ({ plain }) => {
    const worker = await WorkerClient.start('java', await javaArgs('Tools'));
    const folder = await mkdtemp(join(tmpdir(), 'rookery-console-tools-'));
    const file = async (name: string, text: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, text);
      return path;
    };
    const patience = await file(
      'admin.properties',
      'request.timeout.ms=5000\ndefault.api.timeout.ms=6000\n',
    );
    const tools = new ConsoleTools(worker, plain, patience);
    return commandClient(
      worker.name,
      { ...adminOperations(tools, file), ...recordOperations(tools) },
      [
        ...(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).map((it) => `codec:${it}` as const),
        'headers',
        'murmur2',
        'commits-on-close',
        'assign',
        'max-timestamp',
      ],
      async () => {
        await worker.close();
        await rm(folder, { recursive: true, force: true });
      },
    );
  },
};
