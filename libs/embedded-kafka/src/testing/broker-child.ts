import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** A broker in a process of its own. */
export interface BrokerChild {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Lets the tests of a file run brokers that can be killed; each has the topic `t`. */
export function brokerChildren(): {
  spawn(dataDirectory: string): Promise<BrokerChild>;
  kill(child: ChildProcess): Promise<void>;
} {
  const bundle = mkdtempSync(join(tmpdir(), 'broker-process-'));
  afterAll(() => rmSync(bundle, { recursive: true, force: true }));

  // The child runs the sources as they are now, bundled to what node can load.
  beforeAll(async () => {
    await build({
      configFile: false,
      logLevel: 'error',
      resolve: { conditions: ['rookery:source'] },
      ssr: { noExternal: true, resolve: { conditions: ['rookery:source'] } },
      build: {
        ssr: join(import.meta.dirname, 'broker-process.ts'),
        outDir: bundle,
        emptyOutDir: true,
        rolldownOptions: { output: { entryFileNames: 'broker-process.mjs' } },
      },
    });
  });

  return {
    async spawn(dataDirectory) {
      const child = fork(join(bundle, 'broker-process.mjs'), [dataDirectory], { execArgv: [] });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [message] = (await once(child, 'message')) as [{ port: number }];
      return { child, port: message.port };
    },
    async kill(child) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
