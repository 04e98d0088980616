import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../cli.errors.js';
import { fromSources, ownScript } from '../process/own-script.js';
import type { Workspace } from '../workspace/rookery-file.js';
import type { WorkspacePaths } from '../workspace/workspace-paths.js';
import { isCurrent } from './build-manifest.js';

/** Names of the entries that are ours: no app may be called like this. */
export const KAFKA_ENTRY = 'kafka';
export const HOST_ENTRY = 'host';

/** What a build did. */
export interface BuildResult {
  /** Whether anything had to be built. */
  readonly built: boolean;
}

/** The file that starts an app, once built. */
export function builtEntry(paths: WorkspacePaths, name: string): string {
  return join(paths.build, `${name}.js`);
}

/** The source file that starts an app. */
export function sourceEntry(root: string, app: string): string {
  return join(root, 'apps', app, 'src/main.ts');
}

/**
 * Bundles all apps of a workspace, unless the bundles there are still what the sources make.
 *
 * @throws CommandError with what the bundler said
 */
export async function buildApps(
  workspace: Workspace,
  paths: WorkspacePaths,
  signal: AbortSignal,
): Promise<BuildResult> {
  const entries = Object.fromEntries(
    Object.keys(workspace.file.apps).map((app) => [app, sourceEntry(workspace.root, app)]),
  );
  for (const [app, file] of Object.entries(entries)) {
    if (existsSync(file)) continue;
    throw new CommandError(`${file} is missing`, `write it, or remove ${app} from rookery.json`);
  }
  const hosted = (name: string): string =>
    fileURLToPath(new URL(`../hosted/${name}.main.${fromSources ? 'ts' : 'js'}`, import.meta.url));
  const all = { ...entries, [KAFKA_ENTRY]: hosted('kafka'), [HOST_ENTRY]: hosted('host') };
  const key = buildKey(all);
  if (isCurrent(workspace.root, paths.build, key)) return { built: false };
  await bundle({ root: workspace.root, folder: paths.build, key, entries: all }, signal);
  return { built: true };
}

function buildKey(entries: Readonly<Record<string, string>>): string {
  const hash = createHash('sha1');
  const bundler = createRequire(import.meta.url).resolve('rolldown/package.json');
  hash.update(JSON.stringify(entries)).update(readFileSync(bundler)).update(process.version);
  for (const script of ['./bundle.main', '../../runtime/import-meta']) {
    const file = [`${script}.ts`, `${script}.js`]
      .map((name) => new URL(name, import.meta.url))
      .find((url) => existsSync(url));
    if (file !== undefined) hash.update(readFileSync(file));
  }
  return hash.digest('base64');
}

function bundle(order: object, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const argv = [...ownScript('build/bundle.main'), JSON.stringify(order)];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], signal });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-8_000)));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new CommandError('the apps do not build', said.trim() || `exit code ${code}`));
    });
  });
}
