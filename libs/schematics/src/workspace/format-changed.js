import { createRequire } from 'node:module';
import { join } from 'node:path';

const FORMATTED = /\.(ts|js|mjs|json|ya?ml|md)$/;

/**
 * Formats what a generator wrote as the workspace formats everything: names of different lengths
 * break lines at different places. Does nothing when the workspace has no Prettier.
 *
 * @returns {import('@angular-devkit/schematics').Rule}
 */
export function formatChanged() {
  return async (tree) => {
    const root = process.cwd();
    const prettier = load(root);
    if (prettier === undefined) return;
    const paths = tree.actions
      .filter(({ kind, path }) => kind !== 'd' && FORMATTED.test(path))
      .map(({ path }) => path)
      .filter((path) => path !== '/package-lock.json');
    for (const path of new Set(paths)) {
      const filepath = join(root, path);
      const options = await prettier.resolveConfig(filepath);
      tree.overwrite(path, await prettier.format(tree.readText(path), { ...options, filepath }));
    }
  };
}

function load(root) {
  try {
    return createRequire(join(root, 'package.json'))('prettier');
  } catch {
    return undefined;
  }
}
