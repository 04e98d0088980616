import { rmSync } from 'node:fs';
import { relative } from 'node:path';
import { EmbeddedPostgres } from '@rookery/persistence/embedded-postgres';
import { CommandError } from '../cli.errors.js';
import { readRunState } from '../run/run-state.js';
import { openWorkspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

/**
 * Removes databases, messages and development secrets of a workspace: `rookery reset`.
 *
 * @throws CommandError while it runs
 */
export async function reset(say: (text: string) => void): Promise<void> {
  const paths = new WorkspacePaths(openWorkspace().root);
  if (readRunState(paths) !== undefined) {
    throw new CommandError('this workspace runs', 'stop it first, with `npx rookery down`');
  }
  await EmbeddedPostgres.reset(paths.postgres);
  const data = [paths.postgres, paths.kafka, paths.secrets, paths.authSeed, paths.state];
  for (const path of data) rmSync(path, { recursive: true, force: true });
  say(`cleared ${data.map((path) => relative(paths.root, path)).join(', ')}`);
}
