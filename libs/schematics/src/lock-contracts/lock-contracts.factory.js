import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Locks the contracts of the workspace, and who reads them: what a generator has just written is
 * compared from then on. It runs after the files are there, because contracts are read by importing
 * them. A workspace that cannot do it now is told what to do later.
 *
 * @returns {import('@angular-devkit/schematics').Rule}
 */
export function lockContracts() {
  return (tree, context) => {
    const cli = join(process.cwd(), 'node_modules/@rookery/cli/bin/rookery.js');
    if (!existsSync(cli)) return;
    const { status, stderr } = spawnSync(process.execPath, [cli, 'contracts', 'lock'], {
      encoding: 'utf8',
    });
    if (status === 0) return;
    context.logger.warn(`${stderr.trim()}\nrun \`npx rookery contracts lock\` when this is mended`);
  };
}
