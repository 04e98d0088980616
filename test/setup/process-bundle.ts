import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

const ROOT = join(import.meta.dirname, '../..');
const conditions = ['rookery:source'];

/** The sources of a child process as they are now, as one file that node loads quickly. */
export interface ProcessBundle {
  readonly file: string;
  remove(): void;
}

/** Bundles the workspace's own code; what comes from others is loaded as it is. */
export async function bundleProcess(entry: string): Promise<ProcessBundle> {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  // Below the workspace, so that its packages are found from there.
  const folder = mkdtempSync(join(cache, 'rookery-process-'));
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    ssr: { noExternal: [/^@rookery\//], resolve: { conditions } },
    build: {
      ssr: entry,
      outDir: folder,
      emptyOutDir: true,
      rolldownOptions: {
        output: { entryFileNames: 'process.mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
  return {
    file: join(folder, 'process.mjs'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
